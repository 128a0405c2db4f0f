"""What happens before the first run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "open_clip", "umap", "timm", "diffusers", "sentence_transformers", "sklearn")


def test_no_heavy_import_before_the_first_run():
    """In a child process, because the tests themselves have long imported torch."""
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; app = AppTest.from_file('app.py', default_timeout=60)\n"
        "for page in ('trajectories', 'search', 'train', 'aligner', 'method', 'trajectories'):\n"
        "    app.switch_page(f'pages/{page}.py').run(); assert not app.exception\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"
