#include "host/phases.h"

#include <nlohmann/json.hpp>

namespace magnetar::host {

void Phases::add(const zkvm::ProvePhases& phases) {
  prove.commit_stage1 += phases.commit_stage1;
  prove.fold.witness += phases.fold.witness;
  prove.fold.commit_blocks += phases.fold.commit_blocks;
  prove.fold.secondary_fold += phases.fold.secondary_fold;
  prove.fold.primary_circuit += phases.fold.primary_circuit;
  prove.fold.cross_term += phases.fold.cross_term;
  prove.fold.fold += phases.fold.fold;
  prove.fold.secondary_circuit += phases.fold.secondary_circuit;
}

nlohmann::json Phases::to_json() const {
  return {{"parameters", parameters},
          {"execute", execute},
          {"commit_stage1", prove.commit_stage1},
          {"witness", prove.fold.witness},
          {"commit_stage2", prove.fold.commit_blocks},
          {"secondary_fold", prove.fold.secondary_fold},
          {"primary_circuit", prove.fold.primary_circuit},
          {"cross_term", prove.fold.cross_term},
          {"fold", prove.fold.fold},
          {"secondary_circuit", prove.fold.secondary_circuit}};
}

}  // namespace magnetar::host
