#include "kernels/vector_kernels.cuh"

namespace magnetar::kernels {

MAGNETAR_VECTOR_KERNELS(FrParameters);

}  // namespace magnetar::kernels
