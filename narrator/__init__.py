"""Scene Narrator without its window: looks at a source and tells, live and aloud, what happens."""

import os

__version__ = "0.1.0"

# onnxruntime sends reports about its use to its vendor unless this stands before it is loaded. We send nothing, ever.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
