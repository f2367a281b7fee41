//! `#[settings]`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Attribute, Data, DeriveInput, Error, Result};

/// The item with its derives and what they need.
pub(crate) fn expand(arguments: &TokenStream, item: &DeriveInput) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`#[settings]` takes no arguments"));
    }
    if matches!(item.data, Data::Union(_)) {
        return Err(Error::new_spanned(item, "settings are a struct or an enum"));
    }
    // What the author says about names comes first.
    let renamed = item.attrs.iter().any(|attribute| names_are_given(attribute));
    let names = if renamed { quote!() } else { quote!(rename_all = "kebab-case",) };
    Ok(quote! {
        #[derive(::relhost_sdk::reexport::serde::Deserialize, ::relhost_sdk::reexport::schemars::JsonSchema)]
        #[serde(crate = "::relhost_sdk::reexport::serde", #names deny_unknown_fields)]
        #[schemars(crate = "::relhost_sdk::reexport::schemars")]
        #item
    })
}

fn names_are_given(attribute: &Attribute) -> bool {
    attribute.path().is_ident("serde") && attribute.meta.to_token_stream().to_string().contains("rename_all")
}
