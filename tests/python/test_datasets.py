"""Studies, simulations of circuits, fits, derivations: `felice sweep`, `merge`, `spice`, `fit`, `derive`, `export`."""

import csv
import json
import unittest

import h5py
import numpy
import xarray

from files import ROOT, FileCase, run

# Every study that is shipped, of models, ensembles and circuits.
STUDIES = sorted(path.stem for path in (ROOT / "data/studies").glob("*.toml"))
EXPORTED = ("smallest", "fhnrs-spikes", "boomerang-device", "wererabbit-mismatch")


class Studies(FileCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in STUDIES:
            run("sweep", f"data/studies/{name}.toml", "--output", cls.path / f"{name}.h5", "--quiet")

    def test_every_shipped_study_is_whole(self):
        for name in STUDIES:
            with self.subTest(study=name):
                self.check_file(self.path / f"{name}.h5")
                sheet = (self.path / f"{name}.datasheet.md").read_text()
                with h5py.File(self.path / f"{name}.h5") as file:
                    self.assertIn(file.attrs["content_sha256"], sheet)
                    self.assertIn(file.attrs["title"], sheet)
                    for attribute in ("license", "creator_name", "summary"):
                        self.assertIn(file.attrs[attribute], sheet)
                self.assertIn("xarray.open_dataset", sheet)

    def test_the_study_inside_is_the_study(self):
        with h5py.File(self.path / "smallest.h5") as file:
            text = file["study/text"].asstr()[()]
            self.assertEqual(text, (ROOT / "data/studies/smallest.toml").read_text())
            datacite = json.loads(file["study/datacite"].asstr()[()])
            self.assertEqual(datacite["titles"][0]["title"], file.attrs["title"])

    def test_one_line_opens_a_study_with_its_axes_by_name(self):
        with xarray.open_dataset(self.path / "smallest.h5", engine="h5netcdf") as data:
            self.assertEqual(data.period.dims, ("alpha", "sigma"))
            nearest = data.period.sel(alpha=0.01, sigma=0.6, method="nearest")
            self.assertTrue(0.1 < float(nearest) < 10)
            self.assertEqual(data.alpha.attrs["units"], "1")

    def test_ragged_spikes_are_cf_contiguous(self):
        with xarray.open_dataset(self.path / "fhnrs-spikes.h5", group="spikes", engine="h5netcdf") as data:
            self.assertEqual(data.row_size.attrs["sample_dimension"], "spike")
            self.assertEqual(int(data.row_size.sum()), data.sizes["spike"])
            # Each row rises; rows are split where row_size says.
            for times in numpy.split(data.spike_time.values, numpy.cumsum(data.row_size.values)[:-1]):
                self.assertTrue((numpy.diff(times) > 0).all())

    def test_an_export_reads_back_to_the_same_bits(self):
        for name in EXPORTED:
            folder = self.path / f"{name}-csv"
            run("export", self.path / f"{name}.h5", "--output", folder)
            with h5py.File(self.path / f"{name}.h5") as file, open(folder / "columns.csv", newline="") as columns:
                tables = {}
                for row in csv.DictReader(columns):
                    if not row["dataset"] or ".scalars" in row["file"]:
                        continue
                    data = file[row["dataset"]]
                    if row["file"] not in tables:
                        with open(folder / row["file"], newline="") as table:
                            tables[row["file"]] = list(csv.DictReader(table))
                    cells = [r[row["column"]] for r in tables[row["file"]]]
                    if data.size != len(cells) or h5py.check_string_dtype(data.dtype):
                        continue
                    numpy.testing.assert_array_equal(numpy.array(cells).astype(data.dtype), data[()].ravel(), row["dataset"])
                self.assertTrue(tables)


    def test_samples_of_a_circuit_are_over_corners_copies_and_time(self):
        with xarray.open_dataset(self.path / "wererabbit-mismatch.h5", engine="h5netcdf") as data:
            self.assertEqual(data.v_u.dims, ("corner", "copy", "t"))
            self.assertEqual((data.v_u.attrs["units"], data.t.attrs["units"]), ("V", "s"))
            self.assertEqual(list(data.corner.values), ["TT", "FF", "SS", "FS", "SF"])
            self.assertTrue((data.status == 0).all() and (data.metric_nrmse < 0.1).all())

    def test_an_ensemble_is_what_its_model_says(self):
        with xarray.open_dataset(self.path / "wererabbit-ensemble.h5", engine="h5netcdf") as data:
            self.assertEqual(data.period.dims, ("alpha", "sigma"))
            self.assertTrue((data.u_min <= data.u_end).all() and (data.u_end <= data.u_max).all())


class Merged(FileCase):
    SHARDS = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        study = "data/studies/fhnrs-spikes.toml"
        run("sweep", study, "--output", cls.path / "whole.h5")
        parts = [cls.path / f"part-{i}.h5" for i in range(cls.SHARDS)]
        for i, part in enumerate(parts):
            run("sweep", study, "--output", part, "--shard", f"{i}/{cls.SHARDS}")
        run("merge", *parts, "--output", cls.path / "merged.h5")
        run("merge", *parts, "--output", cls.path / "virtual.h5", "--virtual")

    def test_shards_and_merged_files_are_whole(self):
        for name in ("part-0", "merged", "virtual"):
            with self.subTest(file=name):
                self.check_file(self.path / f"{name}.h5")

    def test_merged_is_unsharded(self):
        for group in ("/", "spikes"):
            with xarray.open_dataset(self.path / "whole.h5", group=group, engine="h5netcdf") as whole:
                for name in ("merged", "virtual"):
                    with xarray.open_dataset(self.path / f"{name}.h5", group=group, engine="h5netcdf") as other:
                        xarray.testing.assert_equal(whole, other)
                        told = lambda data: {n: {k: str(a) for k, a in v.attrs.items()} for n, v in data.variables.items()}
                        self.assertEqual(told(whole), told(other))


class Circuits(FileCase):
    def test_a_simulation_of_a_circuit(self):
        path = self.path / "spice.h5"
        run("spice", "netlists/boomerang/ekv.cir", "--samples", 2001, "--output", path)
        self.check_file(path)
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            self.assertEqual((data["v(u)"].dims, data["v(u)"].attrs["units"]), (("time",), "V"))
            self.assertEqual(data.sizes["time"], 2001)

    def test_a_fit(self):
        path = self.path / "fit.h5"
        run("fit", "netlists/boomerang/behavioural.toml", "--output", path)
        self.check_file(path)
        with xarray.open_dataset(path, group="boomerang-behavioural/parameters", engine="h5netcdf") as data:
            alpha = data.sel(parameter="alpha")
            self.assertTrue(float(alpha.lower) <= 0.0129 <= float(alpha.upper))
            numpy.testing.assert_array_equal(data.correlation.values, data.correlation.values.T)

    def test_a_derivation(self):
        path = self.path / "derived.h5"
        words = ("derive", "data/devices/ekv-boomerang.toml", "--model", "boomerang", "--monte-carlo", 200, "--seed", 3)
        run(*words, "--output", path)
        self.check_file(path)


if __name__ == "__main__":
    unittest.main()
