"""Makes the modules under rpc/ importable, and Python write nothing beside them."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent / "rpc"))
