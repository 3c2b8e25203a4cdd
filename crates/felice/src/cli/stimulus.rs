//! Stimuli on the command line: `step:STATE@T=A`, `pulse:STATE@T1..T2=A`, `ramp:STATE@T1..T2=A`, `spikes:STATE@T1,T2=W`.

use super::parse::{finite, numbers};
use felice_neurons::Stimulus;

/// Parses one stimulus.
pub fn parse(text: &str) -> Result<Stimulus, String> {
    const FORM: &str = "step:STATE@T=A, pulse:STATE@T1..T2=A, ramp:STATE@T1..T2=A or spikes:STATE@T1,T2,..=W";
    let parts = || {
        let (kind, rest) = text.split_once(':')?;
        let (state, rest) = rest.split_once('@')?;
        let (when, amplitude) = rest.rsplit_once('=')?;
        Some((kind, state.to_owned(), when, amplitude))
    };
    let (kind, state, when, amplitude) = parts().ok_or_else(|| format!("`{text}` is not {FORM}"))?;
    let amplitude = finite(amplitude)?;
    let span = || {
        let (from, to) = when.split_once("..").ok_or_else(|| format!("`{when}` is no T1..T2"))?;
        Ok::<_, String>((finite(from)?, finite(to)?))
    };
    Ok(match kind {
        "step" => Stimulus::Step { state, at: finite(when)?, amplitude },
        "pulse" => {
            let (from, to) = span()?;
            Stimulus::Pulse { state, from, to, amplitude }
        }
        "ramp" => {
            let (from, to) = span()?;
            Stimulus::Ramp { state, from, to, amplitude }
        }
        "spikes" => Stimulus::SpikeTrain { state, times: numbers(when)?.0, weight: amplitude },
        _ => return Err(format!("`{kind}` is no stimulus; write {FORM}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stimuli_parse_or_say_why() {
        let pulse = Stimulus::Pulse { state: "i_app".into(), from: 10.0, to: 20.5, amplitude: -1.0 };
        assert_eq!(parse("pulse:i_app@10..20.5=-1").unwrap(), pulse);
        let train = Stimulus::SpikeTrain { state: "i_app".into(), times: vec![1.0, 2.0], weight: 0.5 };
        assert_eq!(parse("spikes:i_app@1,2=0.5").unwrap(), train);
        for bad in ["step", "step:v@1", "jump:v@1=1", "pulse:v@1=1", "step:v@x=1", "step:v@1=inf"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
