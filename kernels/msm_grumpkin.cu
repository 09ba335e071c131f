#include "kernels/msm_kernels.cuh"

namespace magnetar::kernels {

MAGNETAR_MSM_KERNELS(FrParameters);

}  // namespace magnetar::kernels
