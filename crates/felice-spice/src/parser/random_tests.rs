//! The bounded random run of the parser: bytes, soups of its own words, and broken copies of a netlist that uses
//! everything. (`fuzz/` holds the unbounded one.)

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::error::SpiceError;
use crate::netlist::Netlist;

const EVERYTHING: &str = "everything
.param a=1k b={a*2} c='max(a,b)/3'
.func f(x,y) {x*tanh(y)}
.global vdd
.model nch nekv (is=1u vt0=.5 kappa=.7)
.model dd d is=1f
.subckt s p q w=1 l={a}
r1 p x {w}
x2 x q t
.subckt t y z
c1 y z 1p ic=.5
r2 y z 1meg
.ends t
.ends
x1 in out s w={b} l=2 ; comment
vdd vdd 0 dc 1.8 ac 1 pulse(0 1 1n 1n 1n 5n 10n)
vin in 0 sin(0 1 1meg) $ comment
iin 0 out pwl(0 0 1u 1m
+ 2u 0)
e1 e 0 poly(1) in 0 1 2 3
g1 0 e vdd 0 1m
f1 e 0 vin 2
h1 h 0 vin 1k
b1 bb 0 v=v(in,out)>0 ? f(v(in),i(vin)) : {a}^2-!time
b2 0 bb i={b}*(exp(-v(bb))+ln(1+abs(v(e))))
m1 vdd in out 0 nch w=2u l=1u m=2 delvto=1m
d1 out 0 dd 2
l1 h k 1u
r9 k 0 1
.ic v(out)=.1 v(bb)={1/4}
.nodeset v(e)=0
.options reltol=1e-4 method=gear noacct
.tran 1n 1u 0 1n uic
.dc vin 0 1 .1 vdd 0 1 .5
.meas tran p trig v(out) val=.5 rise=1 targ v(out) val=.5 rise=last
.meas tran q avg v(out) from=1n to=2n
.save v(out) v(in,out) i(vin)
.control
set num_threads=1
run
op
.endc
.end
";

fn read(text: &str) -> Result<usize, SpiceError> {
    let result = Netlist::from_text(text).circuit().map(|c| c.elements.len());
    if let Err(e) = &result {
        // Every refusal of a netlist points at one of its lines.
        let (SpiceError::Netlist(at) | SpiceError::NotUnderstood(at)) = e else { panic!("{e:?}") };
        assert!(at.place.line <= text.lines().count().max(1) && at.place.column >= 1, "{e}");
    }
    result
}

#[test]
fn the_netlist_that_uses_everything_is_right() {
    assert_eq!(read(EVERYTHING).unwrap(), 16);
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(
        "r1 v1 b1 x1 m1 e1 a b 0 gnd 1k -2u {a} {b*2} '1+1' v(a,b) i(v1) v= i= ic= ( ) , = + - * / ^ ? : && ! exp( ln( \
         .param .subckt .ends .model .include .lib .func .ic .tran .dc .meas .control .endc .end s nekv d pulse( pwl( sin( \
         w=1u l=1u a=1 a={a} \n \n \n+ * ; $ \" { } ' 1e999 1k5 nan x x.y \u{3ba}"
            .split(' ')
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    );
    vec(word, 0..200).prop_map(|w| w.join(" "))
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn prop_bytes_never_break_the_parser(bytes in vec(any::<u8>(), 0..400)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn prop_soups_of_its_own_words_never_break_the_parser(text in words()) {
        let _ = read(&format!("title\n{text}"));
    }

    #[test]
    fn prop_broken_copies_never_break_the_parser(
        cuts in vec((0..EVERYTHING.len(), 0..40usize, "[ -~\n]{0,4}"), 1..6)
    ) {
        let mut text = EVERYTHING.to_owned();
        for (at, length, put) in cuts {
            let start = at.min(text.len());
            let end = (start + length).min(text.len());
            text.replace_range(start..end, &put);
        }
        let _ = read(&text);
    }
}
