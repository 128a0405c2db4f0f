"""What pyproject.toml cannot say: a wheel carries the dashboard and the assets, which lie beside the package, inside it.

seda/shipped.py finds them in either place. An editable installation copies nothing.
"""

from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("app.py", "pages/*.py", ".streamlit/config.toml", "assets/**/*")
INSIDE = "seda/_shipped"
TOOLS = (
    "assets/build.py",
    "assets/build_samples.py",
    "assets/build_things.py",
)  # these make the assets, and need the repository


class BuildWithShipped(build_py):
    """Copies them into the package that is built; they count as its sources, so a source archive has them too."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            for source, target in self._copies():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target, preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """All files that a build writes."""
        return [*super().get_outputs(include_bytecode), *(target for _, target in self._copies())]

    def get_source_files(self) -> list[str]:
        """All files that a build reads."""
        return [*super().get_source_files(), *(source for source, _ in self._copies())]

    def _copies(self) -> Iterator[tuple[str, str]]:
        found = sorted({path.as_posix() for pattern in SHIPPED for path in Path().glob(pattern) if path.is_file()})
        for source in found:
            if source not in TOOLS and "__pycache__" not in source:
                yield source, str(Path(self.build_lib, INSIDE, source))


setup(cmdclass={"build_py": BuildWithShipped})
