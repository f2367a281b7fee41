//! What the attributes refuse, and what they write.

use quote::quote;
use syn::parse_quote;

use crate::plugin::{Arguments, Kind, expand};
use crate::settings;

fn refused(item: syn::ItemImpl) -> String {
    expand(Kind::Stage, &Arguments::default(), &item).unwrap_err().to_string()
}

#[test]
fn a_stage_stands_on_an_impl_of_stage_for_a_unit_struct() {
    assert!(refused(parse_quote!(impl Policy for X {})).contains("impl Stage for"));
    assert!(refused(parse_quote!(impl X {})).contains("impl Stage for"));
    assert!(
        refused(parse_quote!(
            impl<T> Stage for X<T> {}
        ))
        .contains("unit struct")
    );
    assert!(refused(parse_quote!(impl Stage for &X {})).contains("unit struct"));
}

#[test]
fn exports_exist_only_in_a_component() {
    let item = parse_quote!(impl relhost_sdk::stage::Stage for X {});
    let code = expand(Kind::Stage, &Arguments::default(), &item).unwrap().to_string();
    let (native, component) = code.split_once("# [cfg (target_arch = \"wasm32\")]").unwrap();
    assert!(component.contains("export_stage") && component.contains("export_describe"));
    assert!(!native.contains("export_") && !native.contains("export ::"));
}

#[test]
fn the_documentation_of_the_impl_is_the_plugins() {
    let item = parse_quote!(
        /// One sentence.
        ///
        /// More.
        impl Stage for X {}
    );
    let code = expand(Kind::Stage, &Arguments::default(), &item).unwrap().to_string();
    assert!(code.contains(r#""One sentence.\n\nMore.""#), "{code}");
}

#[test]
fn an_unknown_argument_is_refused() {
    assert!(syn::parse2::<Arguments>(quote!(redme = "README.md")).is_err());
    assert!(syn::parse2::<Arguments>(quote!(readme = "README.md",)).is_ok());
}

#[test]
fn settings_keep_the_names_an_author_gives() {
    let named = |item: &syn::DeriveInput| settings::expand(&Default::default(), item).unwrap().to_string();
    let plain = named(&parse_quote!(
        struct S {
            a: u8,
        }
    ));
    assert!(plain.contains("kebab-case") && plain.contains("deny_unknown_fields"));
    let given = named(&parse_quote!(
        #[serde(rename_all = "lowercase")]
        enum S {
            A,
        }
    ));
    assert!(!given.contains("kebab-case"));
    assert!(settings::expand(&Default::default(), &parse_quote!(union S { a: u8 })).is_err());
}

#[test]
fn text_settings_are_parsed() {
    let arguments = syn::parse2::<settings::Arguments>(quote!(text)).unwrap();
    let code = settings::expand(
        &arguments,
        &parse_quote!(
            struct S<'a>(&'a str);
        ),
    )
    .unwrap()
    .to_string();
    assert!(code.contains("impl < 'de , 'a >") && code.contains("text . parse"), "{code}");
    assert!(syn::parse2::<settings::Arguments>(quote!(texts)).is_err());
}
