#include "kernels/cuda_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <type_traits>

#include "kernels/msm.h"
#include "kernels/relation_tables.h"
#include "kernels/runtime.h"
#include "kernels/vector_kernels.h"

namespace magnetar::kernels {
namespace {

using algebra::Fr;

constexpr std::size_t kLanes = 2;
constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kStagingBytes = std::size_t{4} << 20;

template <class F>
constexpr bool kHasBlocks = std::is_same_v<F, Fr>;

template <class T>
std::span<const std::byte> bytes_of(std::span<const T> values) {
  return std::as_bytes(values);
}

std::uint32_t u32(std::size_t value) {
  assert(value <= 0xffff'ffff);
  return static_cast<std::uint32_t>(value);
}

/// What one operation at a time works with.
template <class C>
struct Lane {
  using P = ScalarParameters<C>;

  Lane(const DeviceKey<C>& key, unsigned multiprocessors, std::size_t block_stage2, std::size_t partial_sums)
      : staging(kStagingBytes),
        msm(key, multiprocessors),
        scratch(block_stage2),
        partial(std::max<std::size_t>(partial_sums, kSumBlocks)),
        has_zero(1),
        results(std::max(kSumBlocks * sizeof(Element<P>), sizeof(std::uint32_t))) {}

  Stream stream;
  Staging staging;
  Msm<C> msm;
  DeviceArray<Element<P>> scratch;  // for inversions
  DeviceArray<Element<P>> partial;  // sums
  DeviceArray<std::uint32_t> has_zero;
  PinnedMemory results;
};

/// The vectors of a fresh assignment on the device.
template <class F>
struct FreshMemory {
  using E = Element<typename F::Parameters>;

  explicit FreshMemory(const r1cs::Relation<F>& relation, std::size_t packed_bytes)
      : packed(packed_bytes),
        stage2(relation.stage2()),
        a(relation.constraints()),
        b(relation.constraints()),
        c(relation.constraints()) {}

  ProductsView<typename F::Parameters> products() const { return {a.data(), b.data(), c.data()}; }

  DeviceArray<std::byte> packed;
  DeviceArray<E> stage2, a, b, c;
};

/// Things that are made when there is none at hand, up to a limit, and kept when they are given back.
template <class T>
class Pool {
 public:
  explicit Pool(std::size_t limit) : limit_(limit) {}

  /// An item on loan; it goes back when this is destroyed. The pool must outlive it.
  class Loan {
   public:
    Loan(Pool& pool, std::unique_ptr<T> item) : pool_(&pool), item_(std::move(item)) {}
    Loan(Loan&&) noexcept = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (item_) pool_->give_back(std::move(item_));
    }
    T& operator*() const { return *item_; }
    T* operator->() const { return item_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<T> item_;
  };

  /// Waits while `limit` items are on loan.
  template <class Make>
  Loan take(Make make) {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || made_ < limit_; });
    if (!idle_.empty()) {
      auto item = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(item)};
    }
    idle_.reserve(made_ + 1);
    auto item = make();  // may throw, and then is not counted
    ++made_;
    return {*this, std::move(item)};
  }

 private:
  void give_back(std::unique_ptr<T> item) {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(item));  // within what is reserved
    }
    returned_.notify_one();
  }

  std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<T>> idle_;
  std::size_t made_ = 0;
};

/// What a device and all that it makes share.
template <class C>
class Context {
 public:
  using F = typename C::ScalarField;
  using P = ScalarParameters<C>;

  Context(const r1cs::Relation<F>& of, const commit::CommitmentKey<C>& from, const CudaOptions& options)
      : ordinal(activated(options.ordinal)),
        relation(of),
        tables(of, setup_),
        key(from, options.table_bytes ? *options.table_bytes : free_memory() / 2, setup_),
        block_stage2(r1cs::Relation<F>::block_stage2(of.blocks())) {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties");
    const auto multiprocessors = static_cast<unsigned>(properties.multiProcessorCount);
    // All lanes at once, so that a memory that is too small shows now.
    std::vector<typename Pool<Lane<C>>::Loan> made;
    for (std::size_t i = 0; i < kLanes; ++i) {
      made.push_back(lanes_.take(
          [&] { return std::make_unique<Lane<C>>(key, multiprocessors, block_stage2, tables.partial_sums()); }));
    }
  }

  /// A lane on the calling thread, whose runtime calls go to the device from now on.
  typename Pool<Lane<C>>::Loan lane() {
    activate(ordinal);
    return lanes_.take([]() -> std::unique_ptr<Lane<C>> { return nullptr; });  // all lanes are made
  }

  typename Pool<FreshMemory<F>>::Loan fresh_memory() {
    activate(ordinal);
    return fresh_.take([&] { return std::make_unique<FreshMemory<F>>(relation, tables.packed_bytes()); });
  }

  /// For a vector of at most the key's size.
  typename Pool<DeviceArray<Element<P>>>::Loan vector() {
    activate(ordinal);
    return vectors_.take([&] { return std::make_unique<DeviceArray<Element<P>>>(key.size()); });
  }

  /// Enqueues the packed stage 1 on its way into `memory`.
  void upload(const device::Stage1<F>& stage1, const FreshMemory<F>& memory, Lane<C>& lane) const {
    Staging::Gather packed(lane.staging, memory.packed.data(), lane.stream);
    if constexpr (kHasBlocks<F>) {
      assert(stage1.blocks.size() == relation.blocks().size());
      auto column = tables.columns().begin();
      for (std::size_t i = 0; i < stage1.blocks.size(); ++i) {
        const r1cs::Block& block = relation.blocks()[i];
        for (std::size_t v = 0; v < block.shape->stage1.size(); ++v, ++column) {
          if (block.count == 0) continue;
          assert(stage1.blocks[i]->rows() == block.count);
          packed.fill_to(column->offset);
          packed.append(stage1.blocks[i]->column(v));
        }
      }
    }
    assert(stage1.own.size() == relation.circuit().stage1.size());
    packed.fill_to(tables.own_offset());
    packed.append(bytes_of(stage1.own));
    packed.finish();
  }

  DeviceScalars<C> stage1_scalars(const FreshMemory<F>& memory) const {
    return {relation.stage1(), nullptr, memory.packed.data(), tables.column_tasks().data(),
            tables.column_tasks().size()};
  }

  const int ordinal;
  const r1cs::Relation<F>& relation;

 private:
  static int activated(int device) {
    int count = 0;
    check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
    if (device < 0 || device >= count) {
      throw device::DeviceError(device::DeviceError::Kind::kUnavailable,
                                fmt::format("CUDA device {} does not exist; there are {}", device, count));
    }
    activate(device);
    return device;
  }
  static std::size_t free_memory() {
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return free;
  }

  Stream setup_;

 public:
  const RelationTables<F> tables;
  const DeviceKey<C> key;
  const std::size_t block_stage2;

 private:
  Pool<Lane<C>> lanes_{kLanes};
  Pool<FreshMemory<F>> fresh_{kUnlimited};
  Pool<DeviceArray<Element<P>>> vectors_{kUnlimited};
};

/// A segment's challenges, with what its assignments share.
template <class C>
struct Segment {
  using F = typename C::ScalarField;
  using P = ScalarParameters<C>;

  Segment(std::shared_ptr<Context<C>> of, const r1cs::Challenges<F>& challenges) : context(std::move(of)) {
    const auto lane = context->lane();
    const std::vector<F> host = context->tables.challenge_values(challenges);
    values = DeviceArray<Element<P>>(host.size());
    lane->staging.upload(values.data(), bytes_of(std::span(host)), lane->stream);
    lane->stream.synchronize();
  }

  ChallengesView<P> challenges() const { return context->tables.challenges(values.data()); }

  std::shared_ptr<Context<C>> context;
  DeviceArray<Element<P>> values;
};

template <class C>
class CudaFresh final : public device::Fresh<C> {
 public:
  using typename device::Fresh<C>::F;
  using typename device::Fresh<C>::Affine;
  using P = ScalarParameters<C>;

  CudaFresh(std::shared_ptr<const Segment<C>> segment, const device::Stage1<F>& stage1)
      : segment_(std::move(segment)), memory_(context().fresh_memory()) {
    const auto lane = context().lane();
    context().upload(stage1, *memory_, *lane);
    lane->stream.synchronize();
  }

  bool solve_blocks() override {
    if constexpr (kHasBlocks<F>) {
      const RelationTables<F>& tables = context().tables;
      if (tables.block_tasks().size() == 0) return true;
      const auto lane = context().lane();
      const cudaStream_t stream = lane->stream.get();
      const ProductsView<P> products = memory_->products();
      check(fresh_block_products(tables.blocks(), tables.block_tasks().data(), u32(tables.block_tasks().size()),
                                 memory_->packed.data(), segment_->challenges(), products, memory_->stage2.data(),
                                 stream),
            "products of blocks");
      if (context().block_stage2 != 0) {
        clear(lane->has_zero.data(), lane->has_zero.bytes(), lane->stream);
        check(invert(memory_->stage2.data(), u32(context().block_stage2), lane->scratch.data(), lane->has_zero.data(),
                     stream),
              "inversion of denominators");
        check(finish_stage2(tables.blocks(), tables.solving_tasks().data(), u32(tables.solving_tasks().size()),
                            products, memory_->stage2.data(), stream),
              "stage 2 of blocks");
        download(lane->results.data(), lane->has_zero.data(), sizeof(std::uint32_t), lane->stream);
        std::uint32_t has_zero = 0;
        std::memcpy(&has_zero, lane->results.data(), sizeof(has_zero));
        return has_zero == 0;
      }
      lane->stream.synchronize();
    }
    return true;
  }

  F block_sum() const override {
    if (context().block_stage2 == 0) return F::zero();
    const auto lane = context().lane();
    check(sum_elements(memory_->stage2.data(), u32(context().block_stage2), lane->partial.data(), lane->stream.get()),
          "sum of blocks");
    std::array<F, kSumBlocks> partial;
    download(lane->results.data(), lane->partial.data(), sizeof(partial), lane->stream);
    std::memcpy(static_cast<void*>(partial.data()), lane->results.data(), sizeof(partial));
    F sum;
    for (const F& part : partial) sum += part;
    return sum;
  }

  Affine commit_blocks() const override {
    const auto lane = context().lane();
    const auto scalars = DeviceScalars<C>::of_elements(memory_->stage2.data(), context().block_stage2);
    return lane->msm.multiply(scalars, 0, lane->stream);
  }

  Affine complete(const r1cs::CircuitValues<F>& values, const Affine& blocks) override {
    const std::size_t offset = context().block_stage2;
    assert(values.publics.size() == publics_.size() && values.stage2.size() == context().relation.stage2() - offset);
    std::copy(values.publics.begin(), values.publics.end(), publics_.begin());
    const auto lane = context().lane();
    Element<P>* const own = memory_->stage2.data() + offset;
    lane->staging.upload(own, bytes_of(std::span(values.stage2)), lane->stream);
    const RelationTables<F>& tables = context().tables;
    const AssignmentView<P> z{to_element(F::one()),
                              {to_element(publics_[0]), to_element(publics_[1])},
                              tables.stage1_view(memory_->packed.data()),
                              memory_->stage2.data()};
    const std::size_t first = context().relation.constraints() - context().relation.circuit().constraints.size();
    check(circuit_products(tables.circuit(), z, segment_->challenges(), u32(first), memory_->products(),
                           lane->partial.data(), lane->stream.get()),
          "products of the circuit");
    const Affine sum =
        lane->msm.multiply(DeviceScalars<C>::of_elements(own, values.stage2.size()), offset, lane->stream);
    lane->stream.synchronize();
    return (algebra::Point<C>(blocks) + sum).to_affine();
  }

  const std::array<F, 2>& publics() const { return publics_; }
  const FreshMemory<F>& memory() const { return *memory_; }

 private:
  Context<C>& context() const { return *segment_->context; }

  std::shared_ptr<const Segment<C>> segment_;
  typename Pool<FreshMemory<F>>::Loan memory_;
  std::array<F, 2> publics_;
};

template <class C>
class CudaAccumulator final : public device::Accumulator<C> {
 public:
  using typename device::Accumulator<C>::F;
  using typename device::Accumulator<C>::Affine;
  using P = ScalarParameters<C>;
  using E = Element<P>;

  CudaAccumulator(std::shared_ptr<Context<C>> context, const r1cs::Challenges<F>& challenges)
      : segment_(std::make_shared<const Segment<C>>(std::move(context), challenges)),
        stage1_(relation().stage1()),
        stage2_(relation().stage2()),
        error_(relation().constraints()),
        a_(relation().constraints()),
        b_(relation().constraints()),
        c_(relation().constraints()),
        cross_(relation().constraints()) {
    start_zero();
  }

  std::unique_ptr<device::Fresh<C>> make_fresh(const device::Stage1<F>& stage1) const override {
    return std::make_unique<CudaFresh<C>>(segment_, stage1);
  }

  void start(const device::Fresh<C>& fresh) override {
    const auto& from = static_cast<const CudaFresh<C>&>(fresh);
    const auto lane = context().lane();
    const Stream& stream = lane->stream;
    u_ = F::one();
    publics_ = from.publics();
    clear(error_.data(), error_.bytes(), stream);
    // 0 + 1·w1: the fold unpacks the columns.
    clear(stage1_.data(), stage1_.bytes(), stream);
    add_columns(from, F::one(), stream);
    copy_on_device(stage2_.data(), from.memory().stage2.data(), stage2_.bytes(), stream);
    copy_on_device(a_.data(), from.memory().a.data(), a_.bytes(), stream);
    copy_on_device(b_.data(), from.memory().b.data(), b_.bytes(), stream);
    copy_on_device(c_.data(), from.memory().c.data(), c_.bytes(), stream);
    stream.synchronize();
  }

  void start_zero() override {
    const auto lane = context().lane();
    u_ = F::zero();
    publics_ = {};
    for (const DeviceArray<E>* vector : {&stage1_, &stage2_, &error_, &a_, &b_, &c_}) {
      clear(vector->data(), vector->bytes(), lane->stream);
    }
    lane->stream.synchronize();
  }

  Affine cross_term(const device::Fresh<C>& fresh) override {
    const auto& other = static_cast<const CudaFresh<C>&>(fresh);
    const auto lane = context().lane();
    if (cross_.size() != 0) {
      check(kernels::cross_term(products(), other.memory().products(), to_element(u_), cross_.data(),
                                u32(cross_.size()), lane->stream.get()),
            "cross term");
    }
    return lane->msm.multiply(DeviceScalars<C>::of_elements(cross_.data(), cross_.size()), 0, lane->stream);
  }

  void fold(const device::Fresh<C>& fresh, const F& r) override {
    const auto& other = static_cast<const CudaFresh<C>&>(fresh);
    const auto lane = context().lane();
    u_ += r;
    for (std::size_t i = 0; i < publics_.size(); ++i) publics_[i] += r * other.publics()[i];
    const FreshMemory<F>& memory = other.memory();
    const auto part = [](const DeviceArray<E>& target, const DeviceArray<E>& source) {
      return FoldVector<P>{target.data(), source.data(), u32(target.size())};
    };
    // A fresh assignment has no error of its own.
    check(fold_vectors<P>({part(stage2_, memory.stage2), part(error_, cross_), part(a_, memory.a), part(b_, memory.b),
                           part(c_, memory.c)},
                          to_element(r), lane->stream.get()),
          "fold of vectors");
    add_columns(other, r, lane->stream);
    lane->stream.synchronize();
  }

  device::RelaxedAssignment<F> read() const override {
    const auto lane = context().lane();
    device::RelaxedAssignment<F> assignment{u_, publics_, std::vector<F>(stage1_.size()),
                                            std::vector<F>(stage2_.size()), std::vector<F>(error_.size())};
    const auto copy = [&](std::vector<F>& to, const DeviceArray<E>& from) {
      if (!to.empty()) download(to.data(), from.data(), from.bytes(), lane->stream);
    };
    copy(assignment.stage1, stage1_);
    copy(assignment.stage2, stage2_);
    copy(assignment.error, error_);
    return assignment;
  }

  void write(const device::RelaxedAssignment<F>& assignment) override {
    assert(assignment.stage1.size() == stage1_.size() && assignment.stage2.size() == stage2_.size() &&
           assignment.error.size() == error_.size());
    const auto lane = context().lane();
    u_ = assignment.u;
    publics_ = assignment.publics;
    lane->staging.upload(stage1_.data(), bytes_of(std::span(assignment.stage1)), lane->stream);
    lane->staging.upload(stage2_.data(), bytes_of(std::span(assignment.stage2)), lane->stream);
    lane->staging.upload(error_.data(), bytes_of(std::span(assignment.error)), lane->stream);
    const RelationTables<F>& tables = context().tables;
    const ChallengesView<P> challenges = segment_->challenges();
    if constexpr (kHasBlocks<F>) {
      if (tables.block_tasks().size() != 0) {
        check(block_products(tables.blocks(), tables.block_tasks().data(), u32(tables.block_tasks().size()),
                             to_element(u_), stage1_.data(), stage2_.data(), challenges.palette, products(),
                             lane->stream.get()),
              "products of blocks");
      }
    }
    const AssignmentView<P> z{to_element(u_),
                              {to_element(publics_[0]), to_element(publics_[1])},
                              {nullptr, nullptr, 0, 0, stage1_.data()},
                              stage2_.data()};
    const std::size_t first = relation().constraints() - relation().circuit().constraints.size();
    check(circuit_products(tables.circuit(), z, challenges, u32(first), products(), lane->partial.data(),
                           lane->stream.get()),
          "products of the circuit");
    lane->stream.synchronize();
  }

 private:
  Context<C>& context() const { return *segment_->context; }
  const r1cs::Relation<F>& relation() const { return context().relation; }
  ProductsView<P> products() const { return {a_.data(), b_.data(), c_.data()}; }

  /// stage1 += r·w1
  void add_columns(const CudaFresh<C>& fresh, const F& r, const Stream& stream) {
    const DeviceArray<ColumnTask>& tasks = context().tables.column_tasks();
    if (tasks.size() == 0) return;
    const F scaled = r * F::from_u64(2).pow(256);
    check(fold_columns(fresh.memory().packed.data(), tasks.data(), u32(tasks.size()), to_element(r), to_element(scaled),
                       stage1_.data(), stream.get()),
          "fold of stage 1");
  }

  std::shared_ptr<const Segment<C>> segment_;
  F u_;
  std::array<F, 2> publics_;
  DeviceArray<E> stage1_, stage2_, error_, a_, b_, c_, cross_;
};

template <class C>
class CudaDevice final : public device::Device<C> {
 public:
  using typename device::Device<C>::F;
  using typename device::Device<C>::Affine;

  explicit CudaDevice(std::shared_ptr<Context<C>> context) : context_(std::move(context)) {}

  Affine commit_stage1(const device::Stage1<F>& stage1) const override {
    const auto memory = context_->fresh_memory();
    const auto lane = context_->lane();
    context_->upload(stage1, *memory, *lane);
    return lane->msm.multiply(context_->stage1_scalars(*memory), 0, lane->stream);
  }

  Affine commit(std::span<const F> values) const override {
    assert(values.size() <= context_->key.size());
    const auto vector = context_->vector();
    const auto lane = context_->lane();
    lane->staging.upload(vector->data(), bytes_of(values), lane->stream);
    return lane->msm.multiply(DeviceScalars<C>::of_elements(vector->data(), values.size()), 0, lane->stream);
  }

  std::unique_ptr<device::Accumulator<C>> start_segment(const r1cs::Challenges<F>& challenges) const override {
    return std::make_unique<CudaAccumulator<C>>(context_, challenges);
  }

 private:
  std::shared_ptr<Context<C>> context_;
};

}  // namespace

tl::expected<std::vector<Gpu>, device::DeviceError> list_gpus() {
  try {
    int count = 0;
    check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
    std::vector<Gpu> gpus;
    for (int ordinal = 0; ordinal < count; ++ordinal) {
      cudaDeviceProp properties{};
      check(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties");
      gpus.push_back({ordinal, properties.name, properties.major, properties.minor, properties.totalGlobalMem});
    }
    return gpus;
  } catch (const device::DeviceError& error) {
    return tl::unexpected(error);
  }
}

template <class C>
tl::expected<std::unique_ptr<device::Device<C>>, device::DeviceError> make_cuda_device(
    const r1cs::Relation<typename C::ScalarField>& relation, const commit::CommitmentKey<C>& key,
    const CudaOptions& options) {
  assert(relation.publics() == 2);
  assert(key.size() >= std::max({relation.stage1(), relation.stage2(), relation.constraints()}));
  assert(kHasBlocks<typename C::ScalarField> || relation.blocks().empty());
  try {
    return std::make_unique<CudaDevice<C>>(std::make_shared<Context<C>>(relation, key, options));
  } catch (const device::DeviceError& error) {
    return tl::unexpected(error);
  }
}

template tl::expected<std::unique_ptr<device::Device<algebra::Bn254>>, device::DeviceError> make_cuda_device(
    const r1cs::Relation<algebra::Fr>&, const commit::CommitmentKey<algebra::Bn254>&, const CudaOptions&);
template tl::expected<std::unique_ptr<device::Device<algebra::Grumpkin>>, device::DeviceError> make_cuda_device(
    const r1cs::Relation<algebra::Fq>&, const commit::CommitmentKey<algebra::Grumpkin>&, const CudaOptions&);

}  // namespace magnetar::kernels
