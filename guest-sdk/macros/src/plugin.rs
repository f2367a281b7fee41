//! `#[stage]` and `#[policy]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, ItemImpl, LitStr, Result, Token, Type};

use crate::settings::documentation as documentation_of;

/// Which of the two.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Stage,
    Policy,
}

impl Kind {
    const fn trait_name(self) -> &'static str {
        match self {
            Self::Stage => "Stage",
            Self::Policy => "Policy",
        }
    }

    const fn module(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Policy => "policy",
        }
    }
}

/// What stands in the parentheses.
#[derive(Default)]
pub(crate) struct Arguments {
    readme: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if name != "readme" {
                return Err(Error::new(name.span(), "the only argument is `readme = \"README.md\"`"));
            }
            input.parse::<Token![=]>()?;
            arguments.readme = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// The impl as it is, what the plugin says about itself, and the exports of the component.
pub(crate) fn expand(kind: Kind, arguments: &Arguments, item: &ItemImpl) -> Result<TokenStream> {
    let plugin = plugin_name(kind, item)?;
    let this_trait = format_ident!("{}", kind.trait_name());
    let module = format_ident!("{}", kind.module());
    let documentation = documentation(arguments, item);
    let exports = exports(kind, plugin);
    Ok(quote! {
        #item

        impl ::relhost_sdk::plugin::Plugin for #plugin {
            const PLUGIN: Self = #plugin;

            fn describe() -> ::relhost_sdk::plugin::Description {
                let documentation: &str = #documentation;
                ::relhost_sdk::plugin::Description {
                    summary: ::relhost_sdk::plugin::summary(documentation),
                    settings_schema: ::relhost_sdk::settings::schema::<
                        <#plugin as ::relhost_sdk::#module::#this_trait>::Settings,
                    >(),
                    documentation: ::std::string::String::from(documentation),
                }
            }
        }

        #exports
    })
}

fn plugin_name(kind: Kind, item: &ItemImpl) -> Result<&Ident> {
    let expected = kind.trait_name();
    let named = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    if named.is_none_or(|segment| segment.ident != expected) {
        let message = format!("`#[{}]` stands on an `impl {expected} for ..`", kind.module());
        return Err(Error::new_spanned(&item.self_ty, message));
    }
    match &*item.self_ty {
        Type::Path(path) if item.generics.params.is_empty() => path.path.get_ident().ok_or(()),
        _ => Err(()),
    }
    .map_err(|()| Error::new_spanned(&item.self_ty, "a plugin is a unit struct, as in `struct MyPlugin;`"))
}

/// A string expression: the README, or the documentation of the impl.
fn documentation(arguments: &Arguments, item: &ItemImpl) -> TokenStream {
    if let Some(readme) = &arguments.readme {
        return quote! {
            ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #readme))
        };
    }
    let text = documentation_of(&item.attrs);
    quote!(#text)
}

/// Only in a component: natively the plugin is a library, and two of them can be linked into one test.
fn exports(kind: Kind, plugin: &Ident) -> TokenStream {
    let export = format_ident!("export_{}", kind.module());
    let world = format_ident!("{}_plugin", kind.module());
    quote! {
        // Natively nothing but tests uses it, and that is no reason to call it unused.
        #[cfg(not(target_arch = "wasm32"))]
        const _: #plugin = #plugin;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Export = ::relhost_sdk::export::Export<#plugin>;
            ::relhost_sdk::host::wasm::bindings::#world::#export!(
                Export with_types_in ::relhost_sdk::host::wasm::bindings::#world
            );
            ::relhost_sdk::host::wasm::bindings::describe_plugin::export_describe!(
                Export with_types_in ::relhost_sdk::host::wasm::bindings::describe_plugin
            );
        };
    }
}
