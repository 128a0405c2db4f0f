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


def test_two_who_compute_at_once_import_in_turn():
    """The first to import a part of scikit-learn waits half-way for another thread that begins with another part: see `import_in_turn`."""
    code = (
        "import builtins, sys, threading, time; from seda.ui import cache; plain = builtins.__import__\n"
        "def slow(name, *rest):\n"
        "    if name.startswith('sklearn') or (rest and rest[0] and str(rest[0].get('__name__')).startswith('sklearn')): time.sleep(.002)\n"
        "    return plain(name, *rest)\n"
        "builtins.__import__, wrong = slow, []\n"
        "def visitor(part):\n"
        "    try:\n"
        "        with cache.computing(): __import__(part)\n"
        "    except ImportError as error: wrong.append(str(error))\n"
        "parts = ('sklearn.neighbors', 'sklearn.linear_model', 'sklearn.covariance', 'sklearn.manifold')\n"
        "threads = [threading.Thread(target=visitor, args=(part,)) for part in parts]\n"
        "[one.start() for one in threads]; [one.join() for one in threads]; print(wrong)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"
