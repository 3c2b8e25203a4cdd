//! `felice models` and `felice field`.

use crate::run::{done, felice, file, refused};

#[test]
fn models_name_their_states_and_parameters() {
    let dir = tempfile::tempdir().unwrap();
    let text = done(dir.path(), &["models"]).stdout;
    for name in ["boomerang", "fhnrs", "wererabbit"] {
        assert!(text.contains(name));
    }
    let json: serde_json::Value =
        serde_json::from_str(&done(dir.path(), &["models", "fhnrs", "--json"]).stdout).unwrap();
    let names: Vec<_> = json["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    let interface = "c g_max e_rev a_fast v_off_fast tau_fast a_slow v_off_slow tau_slow v_thr tau_syn";
    for name in interface.split(' ') {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
    // What JSON has no number for is a word that --param reads.
    let family: serde_json::Value =
        serde_json::from_str(&done(dir.path(), &["models", "ribar-sepulchre", "--json"]).stdout).unwrap();
    let tau_syn = family["parameters"].as_array().unwrap().iter().find(|p| p["name"] == "tau_syn").unwrap();
    assert_eq!((&tau_syn["default"], &tau_syn["infinity_allowed"]), (&"inf".into(), &true.into()));
    refused(dir.path(), &["models", "hodgkin"], 2, &["hodgkin", "wererabbit"]);
}

#[test]
fn rows_keep_their_order_and_do_not_affect_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let states = [[0.45, 0.25], [0.1, 0.1], [-0.2, 0.3], [0.3, 0.3]];
    let text = |rows: &[[f64; 2]]| rows.iter().fold("u,v\n".to_owned(), |t, [u, v]| format!("{t}{u},{v}\n"));
    file(dir.path(), "all.csv", text(&states));
    done(dir.path(), &["field", "wererabbit", "--states", "all.csv", "--output", "all.out.csv"]);
    let all = std::fs::read_to_string(dir.path().join("all.out.csv")).unwrap();
    assert!(all.starts_with("du,dv,spike\n"));
    for (i, state) in states.iter().enumerate() {
        file(dir.path(), "one.csv", text(&[*state]));
        done(dir.path(), &["field", "wererabbit", "--states", "one.csv", "--output", "one.out.csv"]);
        let one = std::fs::read_to_string(dir.path().join("one.out.csv")).unwrap();
        assert_eq!(one.lines().nth(1), all.lines().nth(i + 1));
    }
}

#[test]
fn columns_of_the_header_decide_not_their_order() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "uv.csv", "u,v\n0.45,0.25\n");
    file(dir.path(), "vu.csv", "v,u\n0.25,0.45\n");
    for name in ["uv", "vu"] {
        let (states, output) = (format!("{name}.csv"), format!("{name}.out"));
        done(dir.path(), &["field", "boomerang", "--states", &states, "--output", &output, "--precision", "f32"]);
    }
    let read = |n: &str| std::fs::read_to_string(dir.path().join(n)).unwrap();
    assert_eq!(read("uv.out"), read("vu.out"));
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], code: i32, words: &[&str]| {
        let args: Vec<&str> =
            ["field"].into_iter().chain(args.iter().copied()).chain(["--output", "out.csv"]).collect();
        refused(dir.path(), &args, code, words);
        assert!(!dir.path().join("out.csv").exists());
    };
    file(dir.path(), "good.csv", "u,v\n0.1,0.2\n");
    file(dir.path(), "nan.csv", "u,v\n0.1,0.2\n0.1,nan\n");
    file(dir.path(), "word.csv", "u,v\n0.1,volt\n");
    file(dir.path(), "short.csv", "u,v\n0.1\n");
    file(dir.path(), "header.csv", "u,w\n0.1,0.2\n");
    file(dir.path(), "empty.csv", "");
    file(dir.path(), "bytes.csv", [b'u', b',', b'v', b'\n', 0xff, 0xfe, 0, 1]);
    run(&["hodgkin", "--states", "good.csv"], 2, &["hodgkin", "boomerang"]);
    run(&["wererabbit", "--states", "good.csv", "--param", "delta=1"], 2, &["delta", "alpha"]);
    run(&["wererabbit", "--states", "good.csv", "--param", "alpha=-1"], 2, &["alpha", "-1"]);
    run(&["wererabbit", "--states", "good.csv", "--param", "alpha=nan"], 2, &["alpha=nan", "finite"]);
    run(&["wererabbit", "--states", "nan.csv"], 2, &["nan.csv:3:2", "finite"]);
    run(&["wererabbit", "--states", "word.csv"], 2, &["word.csv:2:2", "volt"]);
    run(&["wererabbit", "--states", "short.csv"], 2, &["short.csv:2"]);
    run(&["wererabbit", "--states", "header.csv"], 2, &["header.csv:1:2", "w"]);
    run(&["wererabbit", "--states", "empty.csv"], 2, &["empty.csv:1:1", "header"]);
    run(&["wererabbit", "--states", "bytes.csv"], 2, &["bytes.csv:2:1"]);
    run(&["wererabbit", "--states", "absent.csv"], 4, &["absent.csv"]);
    refused(dir.path(), &["field", "fhnrs", "--states", "good.csv", "--output", "no/folder.csv"], 2, &[]);
    file(dir.path(), "fhnrs.csv", "v,v_slow,i_app\n1,2,3\n");
    refused(dir.path(), &["field", "fhnrs", "--states", "fhnrs.csv", "--output", "no/out.csv"], 4, &["no", "mkdir"]);
    assert_eq!(felice(dir.path(), &["field"]).code, Some(2));
    assert_eq!(felice(dir.path(), &["frobnicate"]).code, Some(2));
}

#[test]
fn an_overflow_is_infinite_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let last = |precision: &str, v: &str| {
        file(dir.path(), "in.csv", format!("u,v\n0,{v}\n"));
        let args = ["field", "wererabbit", "--states", "in.csv", "--output", "out.csv", "--precision", precision];
        done(dir.path(), &args);
        let text = std::fs::read_to_string(dir.path().join("out.csv")).unwrap();
        text.lines().nth(1).unwrap().split(',').map(|x| x.parse::<f64>().unwrap()).collect::<Vec<f64>>()
    };
    // z = −1, so du = α e^{15.6 v} · 1.13 − 1 − σ: finite up to v = 45.4989 (f64) and 5.687 (f32).
    let du = |v: f64| 0.0129 * (15.6 * v).exp() * 1.13;
    assert!((last("f64", "45.4")[0] / du(45.4) - 1.0).abs() < 1e-12);
    assert!((last("f32", "5.68")[0] / du(5.68) - 1.0).abs() < 1e-4);
    assert_eq!((last("f64", "45.6")[0], last("f32", "5.69")[0]), (f64::INFINITY, f64::INFINITY));
    assert_eq!(last("f64", "45.6")[2], f64::NEG_INFINITY);
    file(dir.path(), "large.csv", "u,v\n0,0\n0,1e39\n");
    let args = ["field", "wererabbit", "--states", "large.csv", "--output", "o.csv", "--precision", "f32"];
    refused(dir.path(), &args, 2, &["large.csv:3:2", "f32"]);
    let args = [&args[..], &["--param", "alpha=1e-60"]].concat();
    refused(dir.path(), &args, 2, &["alpha (in single precision)"]);
}
