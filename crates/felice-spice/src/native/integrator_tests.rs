//! Every integrator against solutions known in closed form, and against its own published order.

use super::dae::{Dae, Integrator, StepError, Tolerance};
use super::pattern::Pattern;
use super::rosenbrock::Rosenbrock;
use super::tableau::{RODAS4, RODAS5P, Tableau};

/// y0' = y1, y1' = −y0 + forcing; 0 = y2 − y0 y1 − cos t: two states and one algebraic unknown, not autonomous.
struct Pendulum {
    pattern: Pattern,
    mass: Vec<f64>,
}

impl Pendulum {
    fn new() -> Self {
        let all = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
        let pattern = Pattern::new(3, all);
        let mut mass = vec![0.0; 9];
        // A mass matrix that is neither diagonal nor regular.
        mass[0] = 1.0;
        mass[1] = 0.5;
        mass[4] = 1.0;
        Pendulum { pattern, mass }
    }
    /// y0 = sin t + sin 2t, y1 = its derivative.
    fn exact(t: f64) -> [f64; 3] {
        let (a, b) = (t.sin() + (2.0 * t).sin(), t.cos() + 2.0 * (2.0 * t).cos());
        [a, b, a * b + t.cos()]
    }
}

impl Dae for Pendulum {
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }
    fn mass(&self) -> &[f64] {
        &self.mass
    }
    fn driven(&self) -> bool {
        true
    }
    fn rhs(&mut self, t: f64, y: &[f64], f: &mut [f64]) {
        // y2 enters the state equation through a term that vanishes on the solution.
        let extra = y[2] - y[0] * y[1] - t.cos();
        let acceleration = -y[0] - 3.0 * (2.0 * t).sin() + extra;
        f[0] = y[1] + 0.5 * acceleration;
        f[1] = acceleration;
        f[2] = -extra;
    }
    fn linearize(&mut self, t: f64, y: &[f64], f: &mut [f64], j: &mut [f64], f_t: &mut [f64]) {
        self.rhs(t, y, f);
        let extra = [-y[1], -y[0], 1.0, t.sin()];
        let acceleration = [extra[0] - 1.0, extra[1], extra[2], extra[3] - 6.0 * (2.0 * t).cos()];
        for k in 0..3 {
            j[k] = 0.5 * acceleration[k] + f64::from(k == 1);
            j[3 + k] = acceleration[k];
            j[6 + k] = -extra[k];
        }
        (f_t[0], f_t[1], f_t[2]) = (0.5 * acceleration[3], acceleration[3], -extra[3]);
    }
}

fn error_at_fixed_step(tableau: &'static Tableau, h: f64) -> (f64, f64) {
    let mut dae = Pendulum::new();
    let loose = Tolerance { relative: 1e9, floor: vec![1e9; 3] };
    let mut integrator = Rosenbrock::new(tableau, &dae, loose);
    integrator.start(0.0, &Pendulum::exact(0.0), h);
    let (mut end_error, mut dense_error) = (0.0f64, 0.0f64);
    let (mut y, mut slope) = ([0.0; 3], [0.0; 3]);
    for _ in 0..(2.0 / h).round() as usize {
        integrator.step(&mut dae, 1e9, h).unwrap();
        let (a, b) = integrator.interval();
        for i in 0..3 {
            end_error = end_error.max((integrator.state()[i] - Pendulum::exact(b)[i]).abs());
        }
        let middle = a + 0.37 * (b - a);
        integrator.interpolate(middle, &mut y, &mut slope);
        for i in 0..3 {
            dense_error = dense_error.max((y[i] - Pendulum::exact(middle)[i]).abs());
        }
    }
    (end_error, dense_error)
}

#[test]
fn rosenbrock_methods_have_their_published_order() {
    for (tableau, order, dense_order) in [(&RODAS4, 4.0, 3.0), (&RODAS5P, 5.0, 4.0)] {
        let (coarse, fine) = (error_at_fixed_step(tableau, 0.1), error_at_fixed_step(tableau, 0.05));
        let observed = (coarse.0 / fine.0).log2();
        let dense = (coarse.1 / fine.1).log2();
        println!("{}: order {observed:.2}, dense {dense:.2}, error {:.1e}", tableau.name, fine.0);
        assert!(observed > order - 0.3, "{}: observed order {observed}", tableau.name);
        assert!(dense > dense_order - 0.3, "{}: dense order {dense}", tableau.name);
    }
}

#[test]
fn slopes_are_those_of_the_interpolant() {
    for tableau in [&RODAS4, &RODAS5P] {
        let mut dae = Pendulum::new();
        let mut integrator = Rosenbrock::new(tableau, &dae, Tolerance { relative: 1e-6, floor: vec![1e-8; 3] });
        integrator.start(0.0, &Pendulum::exact(0.0), 0.05);
        integrator.step(&mut dae, 1.0, 0.05).unwrap();
        let (mut a, mut b, mut slope, mut unused) = ([0.0; 3], [0.0; 3], [0.0; 3], [0.0; 3]);
        let (t, d) = (0.01, 1e-6);
        integrator.interpolate(t - d, &mut a, &mut unused);
        integrator.interpolate(t + d, &mut b, &mut unused);
        integrator.interpolate(t, &mut a.clone(), &mut slope);
        for i in 0..3 {
            assert!(((b[i] - a[i]) / (2.0 * d) - slope[i]).abs() < 1e-6 * (1.0 + slope[i].abs()));
        }
    }
}

#[test]
fn error_control_keeps_to_the_tolerance() {
    for tableau in [&RODAS4, &RODAS5P] {
        for relative in [1e-4, 1e-6, 1e-8, 1e-10] {
            let mut dae = Pendulum::new();
            let mut integrator = Rosenbrock::new(tableau, &dae, Tolerance { relative, floor: vec![0.1 * relative; 3] });
            integrator.start(0.0, &Pendulum::exact(0.0), 1e-3);
            while integrator.interval().1 < 10.0 {
                integrator.step(&mut dae, 10.0, 10.0).unwrap();
            }
            let exact = Pendulum::exact(10.0);
            let error = (0..3).fold(0.0f64, |m, i| m.max((integrator.state()[i] - exact[i]).abs()));
            println!("{} {relative:e}: error {error:.1e}, {:?}", tableau.name, integrator.counts());
            assert!(error < 100.0 * relative, "{} at {relative}: {error}", tableau.name);
        }
    }
}

/// y' = NaN beyond t = 1: every step across it is refused until none is left.
struct Broken(Pattern);

impl Dae for Broken {
    fn pattern(&self) -> &Pattern {
        &self.0
    }
    fn mass(&self) -> &[f64] {
        &[1.0]
    }
    fn driven(&self) -> bool {
        true
    }
    fn rhs(&mut self, t: f64, _: &[f64], f: &mut [f64]) {
        f[0] = if t > 1.0 { f64::NAN } else { 1.0 };
    }
    fn linearize(&mut self, t: f64, y: &[f64], f: &mut [f64], j: &mut [f64], f_t: &mut [f64]) {
        self.rhs(t, y, f);
        (j[0], f_t[0]) = (0.0, 0.0);
    }
}

#[test]
fn a_right_side_that_is_not_finite_is_an_error_not_a_hang() {
    let mut dae = Broken(Pattern::new(1, []));
    let mut integrator = Rosenbrock::new(&RODAS4, &dae, Tolerance { relative: 1e-6, floor: vec![1e-8] });
    integrator.start(0.0, &[0.0], 0.1);
    let failed = (0..10_000).find_map(|_| integrator.step(&mut dae, 2.0, 2.0).err());
    assert!(matches!(failed, Some(StepError::NotFinite { t }) if (t - 1.0).abs() < 1e-9), "{failed:?}");
}
