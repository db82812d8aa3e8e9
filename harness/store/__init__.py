"""What must survive: the response store (SQLite) and run folders (JSON and Parquet), written atomically.

The response store is content-addressed: a key is the hash of the model's identity and the request, so the same question
to the same model is answered once, whichever task asked. A killed process loses at most the batch it had not yet handed
over; what was damaged on disk is recognised by its checksum, put aside and made again. Knows nothing of tasks or
metrics.
"""

from harness.store.disk import explained
from harness.store.files import content_hash, sha256_file, write_text_atomic
from harness.store.locks import alone
from harness.store.request_keys import request_key
from harness.store.responses import ResponseStore
from harness.store.rows import SegmentRow, UnitKey, UnitStatistics
from harness.store.run_folder import RunFolder, find_runs
from harness.store.run_writer import RunWriter

__all__ = [
    "ResponseStore",
    "RunFolder",
    "RunWriter",
    "SegmentRow",
    "UnitKey",
    "UnitStatistics",
    "alone",
    "content_hash",
    "explained",
    "find_runs",
    "request_key",
    "sha256_file",
    "write_text_atomic",
]
