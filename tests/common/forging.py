"""Files that are whole, but not as they were: other members, headers, numbers and JSON in an .npz."""

import io
import json
import warnings
import zipfile

import numpy as np

from handgrad.common.npz import digest


def members_of(whole):
    """The names and the bytes of what an .npz file holds, in order."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zipped(members, method=zipfile.ZIP_STORED):
    """The bytes of a zip file with these names and bytes, each with a right CRC."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that is there already
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def arrays_of(whole):
    """The arrays in an .npz file, by their names."""
    with np.load(io.BytesIO(whole)) as arrays:
        return dict(arrays)


def packed(arrays):
    """The bytes of an .npz file with these arrays."""
    return zipped([(f"{name}.npy", npy(array)) for name, array in arrays.items()])


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array))
    return file.getvalue()


def as_json(array):
    """The JSON in an array of bytes."""
    return json.loads(array.tobytes())


def as_bytes(value):
    """A value, or a text, as an array of the bytes of its JSON: NaN as Python writes it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def forged_run(whole, change):
    """A checkpoint that `change(about, arrays)` has changed, with digests that are right again."""
    arrays = arrays_of(whole)
    about = as_json(arrays["about"])
    change(about, arrays)
    arrays["about"] = as_bytes(about)
    del arrays["sha256"]
    digests = {name: digest(array) for name, array in arrays.items()}
    return packed(arrays | {"sha256": as_bytes(digests)})


def forged_vectors(whole, change):
    """Golden vectors that `change(manifest, arrays)` has changed, with digests that are right again."""
    arrays = arrays_of(whole)
    manifest = as_json(arrays["manifest"])
    change(manifest, arrays)
    for stored in listed(manifest):
        if isinstance(stored, dict) and stored.get("name") in arrays:
            stored["sha256"] = digest(arrays[stored["name"]])
    return packed(arrays | {"manifest": as_bytes(manifest)})


def listed(manifest):
    """What a manifest says of each array, as far as it is a list of entries with lists of arrays."""
    entries = manifest.get("entries") if isinstance(manifest, dict) else ()
    for entry in entries if isinstance(entries, list) else ():
        arrays = entry.get("arrays") if isinstance(entry, dict) else ()
        yield from arrays if isinstance(arrays, list) else ()
