"""Trajectories of the models: `felice simulate`."""

import unittest

import h5py
import numpy
import xarray

from files import FileCase, run

MODELS = ("boomerang", "fhnrs", "wererabbit")


class Simulate(FileCase):
    def test_every_model_in_both_precisions(self):
        for model in MODELS:
            for precision in ("f64", "f32"):
                with self.subTest(model=model, precision=precision):
                    path = self.path / f"{model}-{precision}.h5"
                    run("simulate", model, "--t-end", 5, "--samples", 501, "--precision", precision, "--output", path)
                    self.check_file(path)

    def test_the_file_and_the_csv_say_the_same(self):
        words = ("simulate", "fhnrs", "--t-end", 20, "--samples", 201, "--initial", "2,0,1")
        run(*words, "--output", self.path / "x.h5")
        run(*words, "--output", self.path / "x.csv")
        table = numpy.genfromtxt(self.path / "x.csv", delimiter=",", names=True)
        with h5py.File(self.path / "x.h5") as file:
            found = {}
            file.visititems(lambda name, item: found.update({name.split("/")[-1]: item}))
            for state in ("v", "v_slow", "i_app"):
                numpy.testing.assert_array_equal(found[state][()], table[state])
            # The tolerances of a run that does not say otherwise.
            numpy.testing.assert_allclose(table["i_app"], numpy.exp(-table["t"]), rtol=1e-9, atol=1e-9)

    def test_many_neurons_in_both_precisions(self):
        for precision in ("f64", "f32"):
            with self.subTest(precision=precision):
                path = self.path / f"many-{precision}.h5"
                words = ("--neurons", 20, "--vary", "a_slow=1.5..2.5", "--initial", "2,0,0", "--samples", 51)
                run("simulate", "fhnrs", "--t-end", 100, *words, "--precision", precision, "--output", path)
                self.check_file(path)
                with xarray.open_dataset(path, engine="h5netcdf") as data:
                    self.assertEqual(data.v.dims, ("neuron", "t"))
                    self.assertEqual(data.v.dtype, {"f64": "f8", "f32": "f4"}[precision])
                with xarray.open_dataset(path, group="events/spike_condition", engine="h5netcdf") as events:
                    self.assertEqual(int(events.row_size.sum()), events.time.size)

    def test_two_runs_differ_in_created_alone(self):
        path = self.path / "again.h5"
        seen = []
        for _ in range(2):
            run("simulate", "boomerang", "--t-end", 1, "--output", path)
            with h5py.File(path) as file:
                seen.append({k: v for k, v in file.attrs.items() if k != "created"})
        self.assertEqual(seen[0].keys(), seen[1].keys())
        for name in seen[0]:
            numpy.testing.assert_array_equal(seen[0][name], seen[1][name], name)


if __name__ == "__main__":
    unittest.main()
