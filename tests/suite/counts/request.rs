//! Requests per object, as the control plane's audit log has them.

use std::fmt::Write as _;

use relhost_tests::audit::Request;
use relhost_tests::shop::Shop;

use super::holds;

/// Two sizes: what the larger one costs more is the objects' own. Both are so large that the objects are looked at before
/// they are applied.
const FEW: u32 = 10;
const MANY: u32 = 30;

fn objects(count: u32) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _always = writeln!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: object-{n} }}\ndata: {{ a: b }}"
        );
        text
    })
}

/// What the user of a shop asks the control plane for, from a look at the log on.
fn asked(shop: &Shop, from: usize) -> Vec<Request> {
    // A watch is in the log when it ends, which may be after the program that held it.
    let requests = shop.audit.of(&shop.dev.account.user).into_iter().skip(from);
    requests.filter(|request| request.verb != "watch").collect()
}

/// Requests for the first deployment of so many objects, and for the same again.
fn deployed(count: u32) -> [usize; 2] {
    let shop = Shop::new(&objects(count));
    let _first = shop.run().expect(0);
    let cold = asked(&shop, 0).len();
    let before = shop.audit.of(&shop.dev.account.user).len();
    let _asked = shop.place.run(&["release", "redeploy", "rel-1", "--stage", "Dev"]).expect(0);
    let _again = shop.resume().expect(0);
    [cold, asked(&shop, before).len()]
}

#[test]
#[ignore = "needs a control plane: cargo xtask test"]
fn an_object_costs_no_more_requests_than_it_did() {
    let (few, many) = (deployed(FEW), deployed(MANY));
    for (name, few, many) in [("first", few[0], many[0]), ("unchanged", few[1], many[1])] {
        let more = u32::try_from(many - few).expect("a number of requests");
        let per_object = f64::from(more) / f64::from(MANY - FEW);
        let few = u32::try_from(few).expect("a number of requests");
        holds(&format!("requests per object, {name} deployment"), per_object, 0.0);
        holds(
            &format!("requests besides, {name} deployment"),
            f64::from(few) - per_object * f64::from(FEW),
            0.0,
        );
    }
}
