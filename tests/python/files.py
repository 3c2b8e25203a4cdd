"""What every felice file must be, whichever command wrote it."""

import hashlib
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import warnings

import h5netcdf
import h5py
import xarray

FELICE = os.environ["FELICE"]
ROOT = pathlib.Path(os.environ["ROOT"])


def run(*words, cwd=ROOT, code=0):
    """Runs felice; its standard output."""
    done = subprocess.run([FELICE, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=900)
    assert done.returncode == code, f"felice {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def objects(file):
    """Every (path, object) below the root."""
    found = []
    file.visititems(lambda name, item: found.append((name, item)))
    return found


def content_sha256(file):
    """The hash over all data, recomputed by the recipe of felice-store's documentation."""
    lines = {}
    for name, item in objects(file):
        if not isinstance(item, h5py.Dataset):
            continue
        if h5py.check_string_dtype(item.dtype):
            texts = item.asstr()[()]
            data = b"".join(t.encode() + b"\0" for t in (texts.ravel() if item.shape else [texts]))
            kind = "str"
        else:
            data, kind = item[()].tobytes(), item.dtype.str
        shape = ",".join(map(str, item.shape))
        lines["/" + name] = f"/{name}\t{kind}\t{shape}\t{hashlib.sha256(data).hexdigest()}\n"
    text = "".join(lines[name] for name in sorted(lines, key=str.encode))
    return hashlib.sha256(text.encode()).hexdigest()


class FileCase(unittest.TestCase):
    """A test case with a folder of its own and the checks that hold of every file."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.addClassCleanup(cls.folder.cleanup)

    def check_file(self, path):
        with h5py.File(path) as file:
            self.check_root(file)
            for name, item in objects(file):
                if isinstance(item, h5py.Dataset):
                    self.check_dataset(name, item)
            groups = ["/"] + [name for name, item in objects(file) if isinstance(item, h5py.Group)]
            self.assertEqual(content_sha256(file), file.attrs["content_sha256"])
        with h5netcdf.File(path, "r") as file:
            self.check_netcdf(file)
        for group in groups:
            self.check_xarray(path, group)
        self.assertIn("complete", run("inspect", path))

    def check_netcdf(self, group):
        self.assertFalse([d for d in group.dimensions if d.startswith("phony_dim")], group.name)
        for variable in group.variables.values():
            self.assertEqual(len(variable.dimensions), variable.ndim, variable.name)
        for inner in group.groups.values():
            self.check_netcdf(inner)

    def check_root(self, file):
        attributes = file.attrs
        self.assertEqual(attributes["format"], "felice")
        self.assertEqual(attributes["complete"], 1)
        self.assertEqual(attributes["format_version"], 1)
        name, version, commit = attributes["creator"].split()
        self.assertEqual(name, "felice")
        self.assertRegex(version, r"^\d+\.\d+\.\d+")
        self.assertTrue(commit)
        self.assertRegex(attributes["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("felice", attributes["command_line"])
        self.assertGreaterEqual(attributes["seed"], 0)
        for line in attributes["inputs_sha256"]:
            sha, name = line.split("  ", 1)
            self.assertEqual(hashlib.sha256((ROOT / name).read_bytes()).hexdigest(), sha, name)

    def check_dataset(self, name, item):
        # A netCDF dimension without a variable has no meaning to tell.
        if "netCDF dimension but not a netCDF variable" in str(item.attrs.get("NAME", "")):
            return
        self.assertIsInstance(item.attrs["long_name"], str, name)
        if not h5py.check_string_dtype(item.dtype):
            self.assertRegex(item.attrs["units"], r"^(1|[^\s]+)$", name)
        if item.chunks:
            size = item.dtype.itemsize
            for length in item.chunks:
                size *= length
            # One chunk holds it all, or there is nothing to hold (no event).
            whole = item.chunks == item.shape or item.size == 0
            self.assertTrue(whole or 100_000 <= size <= 1_100_000, f"{name}: a chunk is {size} bytes")
            self.assertIn(item.compression, ("gzip", None), name)
            if item.size and not h5py.check_string_dtype(item.dtype):
                self.assertTrue(item.fletcher32, f"{name}: chunks without Fletcher32")
        if not item.is_scale:
            for dimension in item.dims:
                self.assertEqual(len(dimension), 1, f"{name}: a dimension without its scale")

    def check_xarray(self, path, group):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with xarray.open_dataset(path, group=group, engine="h5netcdf") as data:
                data.load()
                phony = [d for d in data.dims if re.match(r"phony_dim", str(d))]
                self.assertEqual(phony, [], f"{group} of {path}")
