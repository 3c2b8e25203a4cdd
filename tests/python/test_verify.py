"""The main job's results: `felice verify`."""

import unittest

import h5py
import numpy
import xarray

from files import ROOT, FileCase, run

CASES = ("boomerang", "fhnrs", "wererabbit")


class Verify(FileCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.results = cls.path / "results.h5"
        cases = [f"netlists/{name}/ekv.toml" for name in CASES]
        cls.said = run("verify", *cases, "--output", cls.results, "--report", cls.path / "report.html")

    def test_the_file_is_whole(self):
        self.check_file(self.results)

    def test_groups_are_those_of_the_interface(self):
        with h5py.File(self.results) as file:
            self.assertEqual(sorted(file), [f"{name}-ekv" for name in CASES])
            for case in file.values():
                self.assertEqual(set(case), {"model", "circuit", "metrics", "parameters", "provenance"})
                self.assertEqual(case.attrs["status"], "passed")
                for metric in case["metrics"].values():
                    self.assertLessEqual({"value", "uncertainty", "limit", "passed"}, set(metric))
                    self.assertEqual(metric["passed"][()], 1)

    def test_both_sides_are_on_one_grid_and_differ_as_the_metrics_say(self):
        open_ = lambda group: xarray.open_dataset(self.results, group=group, engine="h5netcdf")
        with open_("boomerang-ekv/model") as model, open_("boomerang-ekv/circuit") as circuit:
            numpy.testing.assert_array_equal(model.t, circuit.t)
            self.assertEqual((model.t.attrs["units"], model.v_u.attrs["units"], model.u.attrs["units"]), ("s", "V", "1"))
            square = ((model.v_u - circuit.v_u) ** 2).mean() + ((model.v_v - circuit.v_v) ** 2).mean()
            with open_("boomerang-ekv/metrics/rms") as rms:
                numpy.testing.assert_allclose(float(rms.value), float(numpy.sqrt(square / 2)), rtol=1e-12)

    def test_the_netlist_is_inside(self):
        with h5py.File(self.results) as file:
            text = file["boomerang-ekv/provenance/netlist"].asstr()[()]
        self.assertEqual(text, (ROOT / "netlists/boomerang/ekv.cir").read_text())

    def test_the_report_loads_nothing(self):
        page = (self.path / "report.html").read_text()
        self.assertGreater(page.count("<svg"), 8)
        for word in ("<script", "<link", "src=", "@import", "url("):
            self.assertNotIn(word, page)


if __name__ == "__main__":
    unittest.main()
