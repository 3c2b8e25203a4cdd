"""What a researcher does with felice's files: every group opens, every number has a unit, axes are dimension scales."""

import pathlib
import sys

import h5py
import numpy as np
import xarray


def groups(file):
    """Paths of the root and of every group below it."""
    found = ["/"]
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) else None)
    return found


def check_layout(path):
    """Root stamps, units and long names, scales attached."""
    with h5py.File(path) as file:
        assert file.attrs["format"] == "felice", path
        assert file.attrs["complete"] == 1, path
        for name in ("format_version", "creator", "command_line", "created", "seed", "inputs_sha256", "content_sha256"):
            assert name in file.attrs, (path, name)

        def look(name, item):
            if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu":
                return
            assert "units" in item.attrs and "long_name" in item.attrs, (path, name)
            if not item.is_scale:
                for axis, dimension in enumerate(item.dims):
                    assert len(dimension) == 1, (path, name, axis, "no scale attached")

        file.visititems(look)
        return groups(file)


def check_xarray(path, names):
    """Every group opens, and no dimension is a phony one."""
    for name in names:
        with xarray.open_dataset(path, group=name, engine="h5netcdf") as data:
            assert not [d for d in data.dims if str(d).startswith("phony")], (path, name, dict(data.sizes))


def main(folder):
    """Checks every file of the folder."""
    count = 0
    for path in sorted(folder.glob("*.h5")):
        check_xarray(path, check_layout(path))
        count += 1
    with xarray.open_dataset(folder / "f64.h5", engine="h5netcdf") as data:
        assert data.u.dtype == np.float64 and data.u.dims == ("t",) and data.sizes["t"] == 1001
        assert float(data.t[0]) == 0.0 and float(data.t[-1]) == 50.0
        assert abs(float(data.u[-1]) - 0.313383852651582) < 2e-3
    with h5py.File(folder / "f32.h5") as file:
        assert file["v"].dtype == np.float32
        assert abs(file["events/v_above_2"][0] - 44.326702) < 1e-3
    with xarray.open_dataset(folder / "results.h5", group="boomerang-ekv/circuit", engine="h5netcdf") as data:
        assert len(data.data_vars) >= 2
    print(f"{count} passed, 0 failed")


main(pathlib.Path(sys.argv[1]))
