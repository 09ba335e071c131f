#include "kernels/runtime.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/device/device.h"

namespace magnetar::kernels {

void check(cudaError_t status, std::string_view call) {
  if (status == cudaSuccess) return;
  using Kind = device::DeviceError::Kind;
  Kind kind = Kind::kFailed;
  if (status == cudaErrorMemoryAllocation) kind = Kind::kOutOfMemory;
  if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver || status == cudaErrorInvalidDevice ||
      status == cudaErrorDevicesUnavailable) {
    kind = Kind::kUnavailable;
  }
  cudaGetLastError();  // so that a later launch does not report this one's error again
  int device = 0;
  std::string where = "CUDA";
  if (cudaGetDevice(&device) == cudaSuccess) where = fmt::format("CUDA device {}", device);
  throw device::DeviceError(
      kind, fmt::format("{}: {}: {} ({})", where, call, cudaGetErrorString(status), cudaGetErrorName(status)));
}

void activate(int device) {
  check(cudaSetDevice(device), fmt::format("cudaSetDevice({})", device));
}

DeviceMemory::DeviceMemory(std::size_t bytes) {
  check(cudaMalloc(&data_, std::max<std::size_t>(bytes, 1)), fmt::format("cudaMalloc of {} bytes", bytes));
}

DeviceMemory::~DeviceMemory() {
  cudaFree(data_);
}

Stream::Stream() {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

Stream::~Stream() {
  cudaStreamDestroy(stream_);
}

void Stream::synchronize() const {
  check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
}

Event::Event() {
  check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
}

Event::~Event() {
  cudaEventDestroy(event_);
}

void Event::record(const Stream& stream) const {
  check(cudaEventRecord(event_, stream.get()), "cudaEventRecord");
}

void Event::wait() const {
  check(cudaEventSynchronize(event_), "cudaEventSynchronize");
}

PinnedMemory::PinnedMemory(std::size_t bytes) : size_(bytes) {
  check(cudaMallocHost(&data_, bytes), fmt::format("cudaMallocHost of {} bytes", bytes));
}

PinnedMemory::~PinnedMemory() {
  cudaFreeHost(data_);
}

void Staging::upload(void* to, std::span<const std::byte> from, const Stream& stream) {
  Gather gather(*this, to, stream);
  gather.append(from);
  gather.finish();
}

void Staging::Gather::append(std::span<const std::byte> part) {
  while (!part.empty()) {
    reserve();
    const PinnedMemory& buffer = staging_.buffers_[staging_.next_];
    const std::size_t bytes = std::min(part.size(), buffer.size() - used_);
    std::memcpy(buffer.data() + used_, part.data(), bytes);
    used_ += bytes;
    part = part.subspan(bytes);
  }
}

void Staging::Gather::fill_to(std::size_t offset) {
  while (sent_ + used_ < offset) {
    reserve();
    const PinnedMemory& buffer = staging_.buffers_[staging_.next_];
    const std::size_t bytes = std::min(offset - sent_ - used_, buffer.size() - used_);
    std::memset(buffer.data() + used_, 0, bytes);
    used_ += bytes;
  }
}

/// Makes room in the buffer at hand.
void Staging::Gather::reserve() {
  if (used_ == staging_.buffers_[staging_.next_].size()) finish();
  if (used_ == 0) staging_.sent_[staging_.next_].wait();
}

void Staging::Gather::finish() {
  if (used_ == 0) return;
  check(cudaMemcpyAsync(to_ + sent_, staging_.buffers_[staging_.next_].data(), used_, cudaMemcpyHostToDevice,
                        stream_.get()),
        "cudaMemcpyAsync to the device");
  staging_.sent_[staging_.next_].record(stream_);
  staging_.next_ ^= 1;
  sent_ += used_;
  used_ = 0;
}

void copy_on_device(void* to, const void* from, std::size_t bytes, const Stream& stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream.get()), "cudaMemcpyAsync on the device");
}

void download(void* to, const void* from, std::size_t bytes, const Stream& stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream.get()), "cudaMemcpyAsync from the device");
  stream.synchronize();
}

void clear(void* data, std::size_t bytes, const Stream& stream) {
  check(cudaMemsetAsync(data, 0, bytes, stream.get()), "cudaMemsetAsync");
}

}  // namespace magnetar::kernels
