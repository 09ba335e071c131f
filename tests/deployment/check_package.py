#!/usr/bin/env python3
"""Makes the Debian package of the build, and looks into it: check_package.py CPACK BUILD

Exit status 77: the build is not one to package.
"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from magnetar_run import Failure, expect_equal, report

SKIPPED = 77


def output(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options).stdout


class Package:
    def __init__(self, cpack, build, folder):
        self.folder = folder
        done = subprocess.run([cpack, "--config", f"{build}/CPackConfig.cmake", "-B", folder / "made"], cwd=folder,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"cpack: {done.stdout}{done.stderr}")
        [self.file] = (folder / "made").glob("magnetar_*.deb")
        self.root = folder / "root"
        output("dpkg-deb", "--extract", self.file, self.root)

    def field(self, name):
        return output("dpkg-deb", "--field", self.file, name).strip()

    def check_dependencies(self):
        depends = self.field("Depends")
        for library in ("libgrpc++", "libprotobuf", "libssl3", "libpq5", "libtbb12", "libc6 (>="):
            if library not in depends:
                raise Failure(f"{library} is not among the dependencies: {depends}")
        if "bubblewrap" not in self.field("Suggests"):
            raise Failure("the compiler's packages are not suggested")

    def check_content(self):
        for name in ("usr/bin/magnetar", "usr/lib/systemd/system/magnetar-worker@.service",
                     "usr/share/man/man1/magnetar.1", "usr/share/magnetar/guest/prebuilt/sha256.elf"):
            if not (self.root / name).is_file():
                raise Failure(f"{name} is not in the package")
        unit = (self.root / "usr/lib/systemd/system/magnetar-orchestrator.service").read_text()
        if "ExecStart=/usr/bin/magnetar orchestrator\n" not in unit:
            raise Failure("the unit does not name /usr/bin/magnetar")

    def check_program(self):
        program = self.root / "usr/bin/magnetar"
        sections = output("readelf", "-SW", program)
        expect_equal("symbols are there", ".symtab" in sections, False)
        version = output(program, "--version").split()[-1]
        expect_equal("version", self.field("Version"), version)

    def check_lists_of_paths(self):
        names = output("dpkg-deb", "--contents", self.file).splitlines()
        outside = [name for name in names if not name.split()[5].startswith("./usr/") and name.split()[5] != "./"]
        expect_equal("files outside /usr", outside, [])
        owners = {name.split()[1] for name in names}
        expect_equal("owners", owners, {"root/root"})


def main():
    cpack, build = sys.argv[1:]
    program = pathlib.Path(build) / "magnetar"
    if "libcudart" in output("readelf", "-d", program):
        print("skipped: this build is linked to a CUDA runtime that no Debian package has (-DMAGNETAR_CUDA=OFF, or the "
              "preset cuda-release, is for packages)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        package = Package(cpack, build, pathlib.Path(folder))
        return report([(name, getattr(package, name)) for name in dir(package) if name.startswith("check_")])


if __name__ == "__main__":
    sys.exit(main())
