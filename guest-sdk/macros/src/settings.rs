//! `#[settings]`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Data, DeriveInput, Error, Expr, ExprLit, Ident, Lit, Meta, Result};

/// What stands in the parentheses.
#[derive(Default)]
pub(crate) struct Arguments {
    text: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(Self::default());
        }
        let name: Ident = input.parse()?;
        if name != "text" || !input.is_empty() {
            return Err(Error::new(name.span(), "the only argument is `text`"));
        }
        Ok(Self { text: true })
    }
}

/// The item with what makes it readable.
pub(crate) fn expand(arguments: &Arguments, item: &DeriveInput) -> Result<TokenStream> {
    if matches!(item.data, Data::Union(_)) {
        return Err(Error::new_spanned(item, "settings are a struct or an enum"));
    }
    if arguments.text { Ok(from_text(item)) } else { Ok(derived(item)) }
}

fn derived(item: &DeriveInput) -> TokenStream {
    // What the author says about names comes first.
    let renamed = item.attrs.iter().any(names_are_given);
    let names = if renamed { quote!() } else { quote!(rename_all = "kebab-case",) };
    quote! {
        #[derive(::relhost_sdk::serde::Deserialize, ::relhost_sdk::schemars::JsonSchema)]
        #[serde(crate = "::relhost_sdk::serde", #names deny_unknown_fields)]
        #[schemars(crate = "::relhost_sdk::schemars")]
        #item
    }
}

fn names_are_given(attribute: &Attribute) -> bool {
    attribute.path().is_ident("serde") && attribute.meta.to_token_stream().to_string().contains("rename_all")
}

/// Reads a string and parses it with `FromStr`.
fn from_text(item: &DeriveInput) -> TokenStream {
    let name = &item.ident;
    let (implement, types, clause) = item.generics.split_for_impl();
    let mut lending = item.generics.clone();
    lending.params.insert(0, syn::parse_quote!('de));
    let (lend, ..) = lending.split_for_impl();
    let title = name.to_string();
    // What follows the first paragraph is for the authors of code.
    let description = documentation(&item.attrs);
    let description = description.split("\n\n").next().unwrap_or_default();
    quote! {
        #item

        impl #lend ::relhost_sdk::serde::Deserialize<'de> for #name #types #clause {
            fn deserialize<D: ::relhost_sdk::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let text = <::std::string::String as ::relhost_sdk::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::relhost_sdk::serde::de::Error::custom)
            }
        }

        impl #implement ::relhost_sdk::schemars::JsonSchema for #name #types #clause {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                #title.into()
            }

            fn json_schema(_: &mut ::relhost_sdk::schemars::SchemaGenerator) -> ::relhost_sdk::schemars::Schema {
                ::relhost_sdk::schemars::json_schema!({ "type": "string", "description": #description })
            }
        }
    }
}

/// The text of the documentation comments among these attributes.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n")
}
