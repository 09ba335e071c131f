#!/usr/bin/env bash
# Formats all C, C++ and CUDA sources with clang-format 14; with --check only says which are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard -- '*.h' '*.c' '*.cpp' '*.cu' '*.cuh')
case ${1:-} in
  '') exec clang-format-14 -i "${files[@]}" ;;
  --check) exec clang-format-14 --dry-run --Werror "${files[@]}" ;;
  *)
    echo "usage: scripts/format.sh [--check]" >&2
    exit 2
    ;;
esac
