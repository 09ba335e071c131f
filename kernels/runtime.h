#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace magnetar::kernels {

// Owners of what the CUDA runtime hands out. Every call is checked: a failure is thrown as device::DeviceError and
// names the call and the device. Destructors ignore errors, since a device that was lost has nothing left to free.

/// Throws device::DeviceError if `status` is an error of `call`, a runtime call or the launch of a kernel.
void check(cudaError_t status, std::string_view call);

/// Makes `device` the one that the calling thread's runtime calls go to.
void activate(int device);

/// Memory of the active device, uninitialised.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(std::size_t bytes);
  DeviceMemory(DeviceMemory&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~DeviceMemory();

  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

/// An array in the active device's memory, uninitialised.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(std::size_t size) : memory_(size * sizeof(T)), size_(size) {}

  T* data() const { return static_cast<T*>(memory_.data()); }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  DeviceMemory memory_;
  std::size_t size_ = 0;
};

class Stream {
 public:
  Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  cudaStream_t get() const { return stream_; }
  /// Waits until all that was enqueued is done.
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();

  void record(const Stream& stream) const;
  /// Waits for the last record; at once if there was none.
  void wait() const;

 private:
  cudaEvent_t event_ = nullptr;
};

/// Page-locked host memory: copies from and to it run beside kernels.
class PinnedMemory {
 public:
  explicit PinnedMemory(std::size_t bytes);
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  ~PinnedMemory();

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  std::size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::size_t size_;
};

/// Copies from the host's pageable memory in pieces through two pinned buffers: one is filled while the other is on
/// its way.
class Staging {
 public:
  explicit Staging(std::size_t bytes_each) : buffers_{PinnedMemory(bytes_each), PinnedMemory(bytes_each)} {}

  /// Enqueues a copy; `from` may change when this returns.
  void upload(void* to, std::span<const std::byte> from, const Stream& stream);

  /// One copy that is gathered from many parts, to consecutive addresses. What is left is enqueued by finish().
  class Gather {
   public:
    Gather(Staging& staging, void* to, const Stream& stream)
        : staging_(staging), to_(static_cast<std::byte*>(to)), stream_(stream) {}

    void append(std::span<const std::byte> part);
    /// Appends zeros up to a distance from the beginning.
    void fill_to(std::size_t offset);
    void finish();

   private:
    void reserve();

    Staging& staging_;
    std::byte* to_;
    const Stream& stream_;
    std::size_t sent_ = 0;  // bytes enqueued
    std::size_t used_ = 0;  // bytes in the buffer at hand
  };

 private:
  PinnedMemory buffers_[2];
  Event sent_[2];
  unsigned next_ = 0;
};

/// Copies to or from device memory; the second returns when the data is there.
void copy_on_device(void* to, const void* from, std::size_t bytes, const Stream& stream);
void download(void* to, const void* from, std::size_t bytes, const Stream& stream);
/// Enqueues setting memory to zero.
void clear(void* data, std::size_t bytes, const Stream& stream);

/// A new array with the values of a host vector, there when this returns.
template <class T>
DeviceArray<T> to_device(std::span<const T> values, const Stream& stream) {
  DeviceArray<T> array(values.size());
  if (!values.empty()) {
    check(cudaMemcpyAsync(array.data(), values.data(), values.size_bytes(), cudaMemcpyHostToDevice, stream.get()),
          "cudaMemcpyAsync to the device");
    stream.synchronize();
  }
  return array;
}

}  // namespace magnetar::kernels
