"""What an exception of torch or transformers means: a cause of `engines.failures`, in the child process."""

from narrator import installing
from narrator.engines.failures import EngineFailed

EXTRA, QUANTISERS = installing.command("torch"), installing.command("torch-quant")
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "bad_alloc")
_OWN_CODE = ("trust_remote_code", "contains custom code")
_TORCHVISION = "torchvision"
_UNFIT = ("operator torchvision::", "partially initialized module 'torchvision'", "torchvision.so", "undefined symbol")


def told(error: BaseException, cause: str = "other") -> EngineFailed:
    """The failure that an exception means; `cause` is what it means unless it says more."""
    if isinstance(error, EngineFailed):
        return error
    text = _text(error)
    lowered = text.lower()
    if isinstance(error, MemoryError) or any(mark in lowered for mark in _NO_MEMORY):
        return EngineFailed("out_of_memory", text)
    if any(mark in lowered for mark in _OWN_CODE):
        return EngineFailed("own_code", text)
    if any(mark in lowered for mark in _UNFIT):
        return EngineFailed("torchvision_unfit", text, command=EXTRA)
    if _lacks_part(error, lowered):
        kind = "torchvision_missing" if _TORCHVISION in lowered else "part_missing"
        return EngineFailed(kind, text, command=QUANTISERS if "bitsandbytes" in lowered else EXTRA)
    return EngineFailed(cause, text)


def _lacks_part(error: BaseException, text: str) -> bool:
    is_told = "library but it was not found" in text or "is required to" in text or "no module named" in text
    return isinstance(error, ImportError) or is_told


def _text(error: BaseException) -> str:
    """The exception and what led to it, for the log and for the marks above."""
    parts: list[str] = []
    found: BaseException | None = error
    while found is not None and len(parts) < 10:
        parts.append(f"{type(found).__name__}: {found}")
        found = found.__cause__ or found.__context__
    return "; ".join(parts)
