use felice_subthreshold::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let c = Card::from_toml(&std::fs::read_to_string(&a[1]).unwrap(), &a[1]).unwrap();
    let d = derive(&c, &a[2]).unwrap();
    for p in d.parameters.iter().chain(&d.quantities) {
        println!("{:12} {:.9} {}", p.name, p.value, p.unit)
    }
    println!("time {:e}\n{:?}", d.time_unit_s, d.warnings);
}
