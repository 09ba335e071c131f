#include "host/store/sql_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace magnetar::store {
namespace {

// Excludes other processes that submit, so that keys are unique and limits exact.
constexpr std::int64_t kSubmitLock = 0x6d61676e'00000002;
constexpr std::int64_t kToTheEnd = -1;

template <typename Id>
std::int64_t number(Id id) {
  return static_cast<std::int64_t>(id);
}

std::int64_t integer(const Value& value) {
  return std::get<std::int64_t>(value);
}
std::uint64_t count(const Value& value) {
  return static_cast<std::uint64_t>(integer(value));
}
double real(const Value& value) {
  // SQLite gives whole numbers as integers where the column's type lets it.
  const auto* whole = std::get_if<std::int64_t>(&value);
  return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value);
}
const std::string& text(const Value& value) {
  return std::get<std::string>(value);
}
bool is_null(const Value& value) {
  return std::holds_alternative<std::monostate>(value);
}
Time time(const Value& value) {
  return Time(Duration(integer(value)));
}
std::optional<Time> optional_time(const Value& value) {
  return is_null(value) ? std::nullopt : std::optional(time(value));
}
Digest digest(const Value& value) {
  Digest result{};
  const auto& bytes = std::get<Bytes>(value);
  std::transform(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), result.size())),
                 result.begin(), [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return result;
}
std::optional<Digest> optional_digest(const Value& value) {
  return is_null(value) ? std::nullopt : std::optional(digest(value));
}

constexpr std::string_view kSegmentColumns =
    "s.id, s.job, s.position, s.first_step, s.steps, s.verified, s.proof, s.prover";

SegmentRecord segment_of(const Row& row) {
  return {.id = SegmentId{integer(row[0])},
          .job = JobId{integer(row[1])},
          .position = static_cast<std::uint32_t>(integer(row[2])),
          .range = {count(row[3]), count(row[4])},
          .verified = integer(row[5]) != 0,
          .proof = optional_digest(row[6]),
          .prover = text(row[7])};
}

ProverRecord prover_of(const Row& row) {
  return {.id = text(row[0]),
          .type = static_cast<ProverType>(integer(row[1])),
          .claimed_hertz = real(row[2]),
          .observed_hertz = real(row[3]),
          .orchestrator = text(row[4]),
          .seen_at = time(row[5]),
          .proofs_accepted = count(row[6]),
          .proofs_refused = count(row[7]),
          .quarantined_until = optional_time(row[8]),
          .quarantine_reason = text(row[9])};
}

constexpr std::string_view kProverById =
    "SELECT id, type, claimed_hertz, observed_hertz, orchestrator, seen_at, accepted, refused, quarantined_until, "
    "quarantine_reason FROM provers WHERE id = $1 ";

}  // namespace

SqlStore::SqlStore(std::unique_ptr<Database> database, std::unique_ptr<Blobs> blobs, std::string address,
                   std::optional<FileLock> lock)
    : lock_(std::move(lock)), database_(std::move(database)), blobs_(std::move(blobs)), address_(std::move(address)) {}

Result<void> SqlStore::run(std::string_view sql, std::initializer_list<Value> parameters) {
  return transaction([&] { return query(sql, parameters).map([](const auto&) {}); });
}

Result<void> SqlStore::tell(JobId job, const Caller& caller) {
  return database_->notify(fmt::format("{}:{}", caller.id, number(job)));
}

Result<bool> SqlStore::change_job(JobId job, std::string_view sql, std::initializer_list<Value> parameters,
                                  const Caller& caller) {
  const auto changed = query(sql, parameters);
  if (!changed) return tl::unexpected(changed.error());
  if (changed->empty()) return false;
  if (auto told = tell(job, caller); !told) return tl::unexpected(told.error());
  return true;
}

// --- Orchestrators

Result<void> SqlStore::announce(const Caller& caller) {
  {
    const std::lock_guard lock(self_mutex_);
    self_ = caller.id;
  }
  return run("INSERT INTO orchestrators (id, seen_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_at = $2",
             {caller.id, value_of(caller.now)});
}

Result<std::vector<OrchestratorId>> SqlStore::living(const Caller& caller) {
  return transaction([&]() -> Result<std::vector<OrchestratorId>> {
    const auto rows =
        query("SELECT id FROM orchestrators WHERE seen_at >= $1 OR id = $2", {value_of(caller.alive_since), caller.id});
    if (!rows) return tl::unexpected(rows.error());
    std::vector<OrchestratorId> ids;
    for (const Row& row : *rows) ids.push_back(text(row[0]));
    return ids;
  });
}

Result<void> SqlStore::retire(const Caller& caller) {
  return transaction([&]() -> Result<void> {
    const auto jobs = query(
        "SELECT DISTINCT s.job FROM leases l JOIN segments s ON s.id = l.segment WHERE l.orchestrator = $1 AND "
        "l.released_at IS NULL",
        {caller.id});
    if (!jobs) return tl::unexpected(jobs.error());
    for (const auto& [sql, parameters] : std::initializer_list<std::pair<std::string_view, std::vector<Value>>>{
             {"UPDATE leases SET released_at = $2 WHERE orchestrator = $1 AND released_at IS NULL",
              {caller.id, value_of(caller.now)}},
             {"UPDATE provers SET orchestrator = '' WHERE orchestrator = $1", {caller.id}},
             {"DELETE FROM orchestrators WHERE id = $1", {caller.id}}}) {
      if (auto done = database_->query(sql, std::span(parameters)); !done) return tl::unexpected(done.error());
    }
    for (const Row& row : *jobs) {
      if (auto told = tell(JobId{integer(row[0])}, caller); !told) return told;
    }
    return {};
  });
}

// --- Jobs

Result<Expected<Store::Submission>> SqlStore::submit(const JobKey& key, const std::string& requester,
                                                     const QueueLimits& limits, const Caller& caller) {
  const auto steps_asked = key.steps ? static_cast<std::int64_t>(*key.steps) : kToTheEnd;
  return transaction([&]() -> Result<Expected<Submission>> {
    if (auto alone = database_->exclude_others(kSubmitLock); !alone) return tl::unexpected(alone.error());
    const auto same = query(
        "SELECT id FROM jobs WHERE program = $1 AND input = $2 AND first_step = $3 AND steps_asked = $4 AND state <> 5",
        {value_of(key.program), value_of(key.input), static_cast<std::int64_t>(key.first_step), steps_asked});
    if (!same) return tl::unexpected(same.error());
    std::int64_t id = 0;
    if (!same->empty()) {
      id = integer((*same)[0][0]);
    } else {
      const auto open =
          query("SELECT COUNT(*), COUNT(CASE WHEN requester = $1 THEN 1 END) FROM jobs WHERE state < 4", {requester});
      if (!open) return tl::unexpected(open.error());
      const std::uint64_t jobs = count((*open)[0][0]), own = count((*open)[0][1]);
      if (jobs >= limits.jobs) {
        return tl::unexpected(Status{
            Code::kResourceExhausted,
            fmt::format("the queue is full: {} jobs of at most {}; ask again when some are done", jobs, limits.jobs)});
      }
      if (own >= limits.jobs_per_requester) {
        return tl::unexpected(
            Status{Code::kResourceExhausted, fmt::format("{} has {} jobs in the queue, of at most {} for one requester",
                                                         requester, own, limits.jobs_per_requester)});
      }
      const auto added = query(
          "INSERT INTO jobs (program, input, first_step, steps_asked, requester, state, owner, created_at) "
          "VALUES ($1, $2, $3, $4, $5, 0, $6, $7) RETURNING id",
          {value_of(key.program), value_of(key.input), static_cast<std::int64_t>(key.first_step), steps_asked,
           requester, caller.id, value_of(caller.now)});
      if (!added) return tl::unexpected(added.error());
      id = integer((*added)[0][0]);
      if (auto told = tell(JobId{id}, caller); !told) return tl::unexpected(told.error());
    }
    auto jobs = load_jobs("j.id = $1", id);
    if (!jobs) return tl::unexpected(jobs.error());
    return Submission{std::move((*jobs)[0]), same->empty()};
  });
}

Result<bool> SqlStore::adopt(JobId job, const Caller& caller) {
  return transaction([&] {
    return change_job(job,
                      "UPDATE jobs SET owner = $2 WHERE id = $1 AND state IN (0, 3) AND owner <> $2 AND NOT EXISTS "
                      "(SELECT 1 FROM orchestrators o WHERE o.id = jobs.owner AND o.seen_at >= $3) RETURNING id",
                      {number(job), caller.id, value_of(caller.alive_since)}, caller);
  });
}

Result<bool> SqlStore::set_ready(JobId job, std::uint64_t steps_in_trace, std::uint64_t steps, const Caller& caller) {
  return transaction([&] {
    return change_job(
        job,
        "UPDATE jobs SET state = 1, steps_in_trace = $3, steps = $4 WHERE id = $1 AND owner = $2 AND "
        "state = 0 RETURNING id",
        {number(job), caller.id, static_cast<std::int64_t>(steps_in_trace), static_cast<std::int64_t>(steps)}, caller);
  });
}

Result<bool> SqlStore::split(JobId job, std::span<const SegmentRange> segments, const Caller& caller) {
  return transaction([&]() -> Result<bool> {
    const auto ready =
        query(database_->translate("SELECT 1 FROM jobs WHERE id = $1 AND state = 1 {lock or skip}"), {number(job)});
    if (!ready) return tl::unexpected(ready.error());
    if (ready->empty()) return false;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto added =
          query("INSERT INTO segments (job, position, first_step, steps) VALUES ($1, $2, $3, $4)",
                {number(job), static_cast<std::int64_t>(i), static_cast<std::int64_t>(segments[i].first_step),
                 static_cast<std::int64_t>(segments[i].steps)});
      if (!added) return tl::unexpected(added.error());
    }
    return change_job(job, "UPDATE jobs SET state = 2 WHERE id = $1 RETURNING id", {number(job)}, caller);
  });
}

Result<bool> SqlStore::finish(JobId job, const Digest& result, Time expires_at, const Caller& caller) {
  return transaction([&]() -> Result<bool> {
    auto changed = change_job(job,
                              "UPDATE jobs SET state = 4, result = $3, expires_at = $4 WHERE id = $1 AND owner = "
                              "$2 AND state = 3 RETURNING id",
                              {number(job), caller.id, value_of(result), value_of(expires_at)}, caller);
    if (!changed || !*changed) return changed;
    return query("UPDATE segments SET proof = NULL WHERE job = $1", {number(job)}).map([](const auto&) {
      return true;
    });
  });
}

Result<bool> SqlStore::fail(JobId job, const Status& failure, Time expires_at, const Caller& caller) {
  return transaction([&]() -> Result<bool> {
    auto changed = change_job(
        job,
        "UPDATE jobs SET state = 5, failure_code = $2, failure = $3, expires_at = $4 WHERE id = $1 AND state < 4 "
        "RETURNING id",
        {number(job), std::int64_t{static_cast<std::uint8_t>(failure.code)}, failure.message, value_of(expires_at)},
        caller);
    if (!changed || !*changed) return changed;
    return query("UPDATE segments SET proof = NULL WHERE job = $1", {number(job)}).map([](const auto&) {
      return true;
    });
  });
}

Result<std::vector<JobRecord>> SqlStore::load_jobs(std::string_view condition, const Value& parameter) {
  const auto rows =
      query(fmt::format("SELECT j.id, j.program, j.input, j.first_step, j.steps_asked, j.requester, j.state, j.owner, "
                        "j.steps_in_trace, j.steps, j.created_at, j.result, j.failure_code, j.failure, j.expires_at "
                        "FROM jobs j WHERE {} ORDER BY j.id",
                        condition),
            {parameter});
  if (!rows) return tl::unexpected(rows.error());
  std::vector<JobRecord> jobs;
  std::map<JobId, std::size_t> place;
  for (const Row& row : *rows) {
    JobRecord& job = jobs.emplace_back();
    job.id = JobId{integer(row[0])};
    job.key = {digest(row[1]), digest(row[2]), count(row[3]),
               integer(row[4]) == kToTheEnd ? std::nullopt : std::optional(count(row[4]))};
    job.requester = text(row[5]);
    job.state = static_cast<JobState>(integer(row[6]));
    job.owner = text(row[7]);
    job.steps_in_trace = count(row[8]);
    job.steps = count(row[9]);
    job.created_at = time(row[10]);
    job.result = optional_digest(row[11]);
    if (!is_null(row[12])) job.failure = Status{static_cast<Code>(integer(row[12])), text(row[13])};
    job.expires_at = optional_time(row[14]);
    place[job.id] = jobs.size() - 1;
  }
  const auto segments = query(fmt::format("SELECT {} FROM segments s JOIN jobs j ON j.id = s.job WHERE {} "
                                          "ORDER BY s.job, s.position",
                                          kSegmentColumns, condition),
                              {parameter});
  if (!segments) return tl::unexpected(segments.error());
  std::map<std::int64_t, std::pair<std::size_t, std::size_t>> segment_place;
  // Another process may have committed between the queries: what has no job or segment yet comes with the next call.
  for (const Row& row : *segments) {
    const auto job = place.find(JobId{integer(row[1])});
    if (job == place.end()) continue;
    auto& into = jobs[job->second].segments;
    segment_place[integer(row[0])] = {job->second, into.size()};
    into.push_back(segment_of(row));
  }
  const auto leases = query(
      fmt::format("SELECT l.segment, l.prover, l.orchestrator, l.granted_at FROM leases l JOIN segments s ON s.id = "
                  "l.segment JOIN jobs j ON j.id = s.job WHERE l.released_at IS NULL AND {} ORDER BY l.granted_at",
                  condition),
      {parameter});
  if (!leases) return tl::unexpected(leases.error());
  for (const Row& row : *leases) {
    const auto segment = segment_place.find(integer(row[0]));
    if (segment == segment_place.end()) continue;
    jobs[segment->second.first].segments[segment->second.second].leases.push_back(
        {text(row[1]), text(row[2]), time(row[3])});
  }
  return jobs;
}

Result<std::optional<JobRecord>> SqlStore::job(JobId job) {
  return transaction([&]() -> Result<std::optional<JobRecord>> {
    auto jobs = load_jobs("j.id = $1", number(job));
    if (!jobs) return tl::unexpected(jobs.error());
    if (jobs->empty()) return std::nullopt;
    return std::move((*jobs)[0]);
  });
}

Result<std::vector<JobRecord>> SqlStore::open_jobs() {
  return transaction([&] { return load_jobs("j.state < $1", number(JobState::kDone)); });
}

// --- Segments and leases

Result<Store::LeaseOutcome> SqlStore::lease(SegmentId segment, const std::string& prover, std::size_t max_leases,
                                            const Caller& caller) {
  return transaction([&]() -> Result<LeaseOutcome> {
    constexpr std::string_view kOpen =
        "SELECT s.job, s.verified, j.state FROM segments s JOIN jobs j ON j.id = s.job WHERE s.id = $1";
    const auto free =
        query(database_->translate("SELECT id FROM segments WHERE id = $1 {lock or skip}"), {number(segment)});
    if (!free) return tl::unexpected(free.error());
    const auto open = query(kOpen, {number(segment)});
    if (!open) return tl::unexpected(open.error());
    if (open->empty() || integer((*open)[0][2]) >= number(JobState::kDone)) return LeaseOutcome::kGone;
    if (free->empty()) return LeaseOutcome::kTaken;
    if (integer((*open)[0][1]) != 0) return LeaseOutcome::kVerified;
    const auto others = query(
        "SELECT COUNT(*) FROM leases l JOIN orchestrators o ON o.id = l.orchestrator WHERE l.segment = $1 AND l.prover "
        "<> $2 AND l.released_at IS NULL AND (o.seen_at >= $3 OR o.id = $4)",
        {number(segment), prover, value_of(caller.alive_since), caller.id});
    if (!others) return tl::unexpected(others.error());
    if (count((*others)[0][0]) >= max_leases) return LeaseOutcome::kTaken;
    const auto granted = query(
        "INSERT INTO leases (segment, prover, orchestrator, granted_at) VALUES ($1, $2, $3, $4) ON CONFLICT (segment, "
        "prover) DO UPDATE SET orchestrator = $3, granted_at = $4, released_at = NULL",
        {number(segment), prover, caller.id, value_of(caller.now)});
    if (!granted) return tl::unexpected(granted.error());
    if (auto told = tell(JobId{integer((*open)[0][0])}, caller); !told) return tl::unexpected(told.error());
    return LeaseOutcome::kGranted;
  });
}

Result<void> SqlStore::release(SegmentId segment, const std::string& prover, const Caller& caller) {
  return transaction([&]() -> Result<void> {
    const auto released = query(
        "UPDATE leases SET released_at = $4 WHERE segment = $1 AND prover = $2 AND orchestrator = $3 AND released_at "
        "IS "
        "NULL RETURNING (SELECT s.job FROM segments s WHERE s.id = segment)",
        {number(segment), prover, caller.id, value_of(caller.now)});
    if (!released) return tl::unexpected(released.error());
    return released->empty() ? Result<void>() : tell(JobId{integer((*released)[0][0])}, caller);
  });
}

Result<std::optional<SegmentRecord>> SqlStore::leased_segment(const std::string& prover, const Digest& program,
                                                              const Digest& input, const SegmentRange& range) {
  return transaction([&]() -> Result<std::optional<SegmentRecord>> {
    const auto rows = query(
        fmt::format("SELECT {} FROM leases l JOIN segments s ON s.id = l.segment JOIN jobs j ON j.id = s.job WHERE "
                    "l.prover = $1 AND j.program = $2 AND j.input = $3 AND s.first_step = $4 AND s.steps = $5 "
                    "ORDER BY s.verified, s.id DESC LIMIT 1",
                    kSegmentColumns),
        {prover, value_of(program), value_of(input), static_cast<std::int64_t>(range.first_step),
         static_cast<std::int64_t>(range.steps)});
    if (!rows) return tl::unexpected(rows.error());
    if (rows->empty()) return std::nullopt;
    return segment_of((*rows)[0]);
  });
}

Result<Store::ProofOutcome> SqlStore::accept_proof(SegmentId segment, const std::string& prover, const Digest& proof,
                                                   double observed_hertz, const Caller& caller) {
  return transaction([&]() -> Result<ProofOutcome> {
    const auto ended = query(
        "UPDATE leases SET released_at = COALESCE(released_at, $3) WHERE segment = $1 AND prover = $2 RETURNING "
        "segment",
        {number(segment), prover, value_of(caller.now)});
    if (!ended) return tl::unexpected(ended.error());
    const auto row = query("SELECT job FROM segments WHERE id = $1", {number(segment)});
    if (!row) return tl::unexpected(row.error());
    if (row->empty()) return ProofOutcome::kSuperseded;
    const JobId job{integer((*row)[0][0])};
    // The job's row first, here as everywhere: two last segments of a job wait for one another.
    const auto proving =
        query(database_->translate("SELECT 1 FROM jobs WHERE id = $1 AND state = 2 {lock}"), {number(job)});
    if (!proving) return tl::unexpected(proving.error());
    if (proving->empty()) return ProofOutcome::kSuperseded;
    const auto verified =
        query("UPDATE segments SET verified = 1, proof = $2, prover = $3 WHERE id = $1 AND verified = 0 RETURNING id",
              {number(segment), value_of(proof), prover});
    if (!verified) return tl::unexpected(verified.error());
    if (verified->empty()) return ProofOutcome::kSuperseded;
    const auto counted = query(
        "UPDATE provers SET accepted = accepted + 1, observed_hertz = CASE WHEN CAST($2 AS DOUBLE PRECISION) > 0 THEN "
        "CAST($2 AS DOUBLE PRECISION) ELSE observed_hertz END WHERE id = $1",
        {prover, observed_hertz});
    if (!counted) return tl::unexpected(counted.error());
    const auto last = change_job(job,
                                 "UPDATE jobs SET state = 3, owner = $2 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM "
                                 "segments s WHERE s.job = $1 AND s.verified = 0) RETURNING id",
                                 {number(job), caller.id}, caller);
    if (!last) return tl::unexpected(last.error());
    if (*last) return ProofOutcome::kAcceptedLast;
    if (auto told = tell(job, caller); !told) return tl::unexpected(told.error());
    return ProofOutcome::kAccepted;
  });
}

// --- Provers

Result<Expected<ProverRecord>> SqlStore::connect_prover(const std::string& prover, ProverType type,
                                                        double claimed_hertz, const Caller& caller) {
  return transaction(
      [&]() -> Result<Expected<ProverRecord>> {
        const auto added = query(
            "INSERT INTO provers (id, type, claimed_hertz, orchestrator, seen_at) VALUES ($1, $2, $3, '', $4) "
            "ON CONFLICT (id) DO NOTHING",
            {prover, number(type), claimed_hertz, value_of(caller.now)});
        if (!added) return tl::unexpected(added.error());
        const auto row = query(database_->translate(std::string(kProverById) + "{lock}"), {prover});
        if (!row) return tl::unexpected(row.error());
        ProverRecord known = prover_of((*row)[0]);
        if (known.quarantined_until && *known.quarantined_until > caller.now) {
          const auto left = std::chrono::ceil<std::chrono::minutes>(*known.quarantined_until - caller.now);
          return tl::unexpected(
              Status{Code::kPermissionDenied, fmt::format("prover {} is in quarantine for {} min more: {}", prover,
                                                          left.count(), known.quarantine_reason)});
        }
        if (!known.orchestrator.empty() && known.orchestrator != caller.id) {
          const auto living = query("SELECT 1 FROM orchestrators WHERE id = $1 AND seen_at >= $2",
                                    {known.orchestrator, value_of(caller.alive_since)});
          if (!living) return tl::unexpected(living.error());
          if (!living->empty()) {
            return tl::unexpected(
                Status{Code::kAlreadyExists,
                       fmt::format("prover {} is connected to another orchestrator; ids are unique among "
                                   "connected provers",
                                   prover)});
          }
        }
        const auto connected = query(
            "UPDATE provers SET type = $2, claimed_hertz = $3, orchestrator = $4, seen_at = $5, quarantined_until = "
            "NULL, "
            "quarantine_reason = '' WHERE id = $1",
            {prover, number(type), claimed_hertz, caller.id, value_of(caller.now)});
        if (!connected) return tl::unexpected(connected.error());
        known.type = type;
        known.claimed_hertz = claimed_hertz;
        known.orchestrator = caller.id;
        known.seen_at = caller.now;
        known.quarantined_until.reset();
        known.quarantine_reason.clear();
        return known;
      },
      Durability::kOrdered);
}

Result<void> SqlStore::disconnect_prover(const std::string& prover, const Caller& caller) {
  const auto set_free = [&] {
    return query("UPDATE provers SET orchestrator = '', seen_at = $3 WHERE id = $1 AND orchestrator = $2",
                 {prover, caller.id, value_of(caller.now)})
        .map([](const auto&) {});
  };
  // Were it undone while the caller lives, other orchestrators would refuse the prover.
  return transaction(set_free, shared() ? Durability::kSynced : Durability::kOrdered);
}

Result<void> SqlStore::quarantine(const std::string& prover, Time until, const std::string& reason,
                                  const Caller& caller) {
  return transaction([&]() -> Result<void> {
    const auto set =
        query("UPDATE provers SET quarantined_until = $2, quarantine_reason = $3, refused = refused + 1 WHERE id = $1",
              {prover, value_of(until), reason});
    if (!set) return tl::unexpected(set.error());
    const auto released = query(
        "UPDATE leases SET released_at = $2 WHERE prover = $1 AND released_at IS NULL RETURNING (SELECT s.job FROM "
        "segments s WHERE s.id = segment)",
        {prover, value_of(caller.now)});
    if (!released) return tl::unexpected(released.error());
    for (const Row& row : *released) {
      if (auto told = tell(JobId{integer(row[0])}, caller); !told) return told;
    }
    return {};
  });
}

Result<std::optional<ProverRecord>> SqlStore::prover(const std::string& prover) {
  return transaction([&]() -> Result<std::optional<ProverRecord>> {
    const auto rows = query(kProverById, {prover});
    if (!rows) return tl::unexpected(rows.error());
    if (rows->empty()) return std::nullopt;
    return prover_of((*rows)[0]);
  });
}

Result<std::vector<double>> SqlStore::idle_elsewhere(const Caller& caller) {
  return transaction([&]() -> Result<std::vector<double>> {
    const auto rows = query(
        "SELECT CASE WHEN p.observed_hertz > 0 THEN p.observed_hertz ELSE p.claimed_hertz END FROM provers p JOIN "
        "orchestrators o ON o.id = p.orchestrator WHERE o.id <> $1 AND o.seen_at >= $2 AND p.quarantined_until IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.prover = p.id AND l.released_at IS NULL)",
        {caller.id, value_of(caller.alive_since)});
    if (!rows) return tl::unexpected(rows.error());
    std::vector<double> speeds;
    for (const Row& row : *rows) speeds.push_back(real(row[0]));
    return speeds;
  });
}

// --- Housekeeping

Result<Store::Collected> SqlStore::collect_garbage(Duration forget_provers, Duration blob_grace, const Caller& caller) {
  std::vector<Digest> referenced;
  auto collected = transaction([&]() -> Result<Collected> {
    Collected removed;
    const auto jobs = query("DELETE FROM jobs WHERE expires_at <= $1 RETURNING id", {value_of(caller.now)});
    if (!jobs) return tl::unexpected(jobs.error());
    removed.jobs = jobs->size();
    const auto provers = query(
        "DELETE FROM provers WHERE seen_at < $1 AND (quarantined_until IS NULL OR quarantined_until <= $2) AND NOT "
        "EXISTS (SELECT 1 FROM orchestrators o WHERE o.id = provers.orchestrator AND o.seen_at >= $3) RETURNING id",
        {value_of(caller.now - forget_provers), value_of(caller.now), value_of(caller.alive_since)});
    if (!provers) return tl::unexpected(provers.error());
    removed.provers = provers->size();
    const auto orchestrators =
        query("DELETE FROM orchestrators WHERE seen_at < $1 AND id <> $2", {value_of(caller.alive_since), caller.id});
    if (!orchestrators) return tl::unexpected(orchestrators.error());
    const auto rows = query(
        "SELECT program FROM jobs UNION SELECT input FROM jobs UNION SELECT result FROM jobs WHERE result IS NOT NULL "
        "UNION SELECT proof FROM segments WHERE proof IS NOT NULL");
    if (!rows) return tl::unexpected(rows.error());
    referenced.clear();
    for (const Row& row : *rows) referenced.push_back(digest(row[0]));
    return removed;
  });
  if (!collected) return collected;
  std::sort(referenced.begin(), referenced.end());
  const auto blobs = blobs_->collect(referenced, caller.now - blob_grace);
  if (!blobs) return tl::unexpected(blobs.error());
  collected->blobs = *blobs;
  return collected;
}

void SqlStore::watch(std::function<void(std::optional<JobId>)> changed) {
  listener_.reset();
  if (!database_->shared() || !changed) return;
  listener_ = std::make_unique<PostgresListener>(
      address_, [this, changed = std::move(changed)](const std::optional<std::string>& payload) {
        if (!payload) return changed(std::nullopt);
        const std::size_t colon = payload->find(':');
        if (colon == std::string::npos) return;
        {
          const std::lock_guard lock(self_mutex_);
          if (payload->compare(0, colon, self_) == 0) return;
        }
        std::int64_t job = 0;
        const char* end = payload->data() + payload->size();
        if (std::from_chars(payload->data() + colon + 1, end, job).ptr == end) changed(JobId{job});
      });
}

}  // namespace magnetar::store
