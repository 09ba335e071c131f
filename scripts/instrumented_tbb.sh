#!/usr/bin/env bash
# Builds oneTBB from Debian's source package with ThreadSanitizer, in build/tsan-tbb. Debian's own library is not
# instrumented: with it ThreadSanitizer does not see how tasks wait for one another, and reports races that are none.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=build/tsan-tbb
library=$folder/lib/libtbb.so.12
version=$(dpkg-query -W -f '${source:Version}' libtbb-dev)
if [[ -e $library && $(cat "$folder/version" 2>/dev/null) == "$version" ]]; then
  echo "instrumented oneTBB $version: built before"
  exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/lists/partial" "$folder/source" "$folder/lib"
# The repositories that packages come from here, with their sources; nothing of the system's configuration changes.
apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
  sort -u >"$folder/sources.list"
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$PWD/$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$PWD/$folder/lists" -o APT::Sandbox::User=root)
"${apt[@]}" update
(cd "$folder" && "${apt[@]}" source --download-only "onetbb=$version")
tar -xf "$folder"/onetbb_*.orig.tar.* -C "$folder/source" --strip-components=1
cmake -S "$folder/source" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTBB_SANITIZE=thread \
  -DTBB_TEST=OFF -DTBB_STRICT=OFF -DCMAKE_CXX_COMPILER=g++-12 -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
  >/dev/null
cmake --build "$folder/build" --target tbb >/dev/null
cp -a "$folder"/build/*/libtbb.so* "$folder/lib"
[[ -e $library ]]
echo "$version" >"$folder/version"
echo "instrumented oneTBB $version: built"
