#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "engine/device/device.h"

namespace magnetar::device {

/// Counts the calls of devices and fails at one of them, and at all after it, as a lost device does.
struct FaultPlan {
  std::uint64_t fail_at = 0;  ///< the first call is 1; 0: never
  std::atomic<std::uint64_t> calls = 0;

  void call() {
    const std::uint64_t number = ++calls;
    if (fail_at != 0 && number >= fail_at) {
      throw DeviceError(DeviceError::Kind::kFailed, "injected fault at call " + std::to_string(number));
    }
  }
};

template <class C>
class FaultyFresh final : public Fresh<C> {
 public:
  using typename Fresh<C>::F;
  using typename Fresh<C>::Affine;

  FaultyFresh(std::unique_ptr<Fresh<C>> fresh, FaultPlan& plan) : fresh_(std::move(fresh)), plan_(plan) {}

  bool solve_blocks() override { return plan_.call(), fresh_->solve_blocks(); }
  F block_sum() const override { return plan_.call(), fresh_->block_sum(); }
  Affine commit_blocks() const override { return plan_.call(), fresh_->commit_blocks(); }
  Affine complete(const r1cs::CircuitValues<F>& values, const Affine& blocks) override {
    return plan_.call(), fresh_->complete(values, blocks);
  }
  const Fresh<C>& inner() const { return *fresh_; }

 private:
  std::unique_ptr<Fresh<C>> fresh_;
  FaultPlan& plan_;
};

template <class C>
class FaultyAccumulator final : public Accumulator<C> {
 public:
  using typename Accumulator<C>::F;
  using typename Accumulator<C>::Affine;

  FaultyAccumulator(std::unique_ptr<Accumulator<C>> accumulator, FaultPlan& plan)
      : accumulator_(std::move(accumulator)), plan_(plan) {}

  std::unique_ptr<Fresh<C>> make_fresh(const Stage1<F>& stage1) const override {
    plan_.call();
    return std::make_unique<FaultyFresh<C>>(accumulator_->make_fresh(stage1), plan_);
  }
  void start(const Fresh<C>& fresh) override { plan_.call(), accumulator_->start(inner(fresh)); }
  void start_zero() override { plan_.call(), accumulator_->start_zero(); }
  Affine cross_term(const Fresh<C>& fresh) override { return plan_.call(), accumulator_->cross_term(inner(fresh)); }
  void fold(const Fresh<C>& fresh, const F& r) override { plan_.call(), accumulator_->fold(inner(fresh), r); }
  RelaxedAssignment<F> read() const override { return plan_.call(), accumulator_->read(); }
  void write(const RelaxedAssignment<F>& assignment) override { plan_.call(), accumulator_->write(assignment); }

 private:
  static const Fresh<C>& inner(const Fresh<C>& fresh) { return static_cast<const FaultyFresh<C>&>(fresh).inner(); }

  std::unique_ptr<Accumulator<C>> accumulator_;
  FaultPlan& plan_;
};

/// A device that fails by plan, which must outlive it.
template <class C>
class FaultyDevice final : public Device<C> {
 public:
  using typename Device<C>::F;
  using typename Device<C>::Affine;

  FaultyDevice(std::unique_ptr<Device<C>> device, FaultPlan& plan) : device_(std::move(device)), plan_(plan) {}

  Affine commit_stage1(const Stage1<F>& stage1) const override { return plan_.call(), device_->commit_stage1(stage1); }
  Affine commit(std::span<const F> values) const override { return plan_.call(), device_->commit(values); }
  std::unique_ptr<Accumulator<C>> start_segment(const r1cs::Challenges<F>& challenges) const override {
    plan_.call();
    return std::make_unique<FaultyAccumulator<C>>(device_->start_segment(challenges), plan_);
  }

 private:
  std::unique_ptr<Device<C>> device_;
  FaultPlan& plan_;
};

}  // namespace magnetar::device
