//! The attributes `#[nexus_rt::main]` and `#[nexus_rt::profile]`, on the compiler's own `proc_macro` alone.

use proc_macro::{Delimiter, Group, Spacing, Span, TokenStream, TokenTree};

/// MiB of memory at most: twice as much is addressed, below the middle of the machine's 4 GiB.
const LARGEST_MEMORY: u32 = 1024;

/// Marks the function that the program runs.
///
/// It has the name `main`, no arguments, and returns nothing or what `nexus_rt::Termination` is implemented for.
/// `#[nexus_rt::main(memlimit = N)]` gives the program N MiB of memory, 1 to 1024, instead of 4.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match expand_main(arguments, item.clone()) {
        Ok(more) => [item, more].into_iter().collect(),
        Err(error) => [item, error.into_tokens()].into_iter().collect(),
    }
}

/// Lets `magnetar run` count the cycles spent in this function and in those it calls.
#[proc_macro_attribute]
pub fn profile(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match expand_profile(arguments, item.clone()) {
        Ok(function) => function,
        Err(error) => [item, error.into_tokens()].into_iter().collect(),
    }
}

struct Error {
    span: Span,
    message: String,
}

impl Error {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    fn into_tokens(self) -> TokenStream {
        parse(&format!("::core::compile_error!{{{:?}}}", self.message))
            .into_iter()
            .map(|mut token| {
                token.set_span(self.span);
                token
            })
            .collect()
    }
}

fn parse(text: &str) -> TokenStream {
    text.parse().expect("the macros' own text is Rust")
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

/// A function's tokens, with where in them its parts are.
struct Function {
    tokens: Vec<TokenTree>,
    name: usize,
}

impl Function {
    fn parse(item: TokenStream, attribute: &str) -> Result<Self, Error> {
        let tokens: Vec<TokenTree> = item.into_iter().collect();
        let position = tokens.iter().position(|token| is_word(token, "fn"));
        let ends_in_block =
            matches!(tokens.last(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        match position {
            Some(at) if ends_in_block && matches!(tokens.get(at + 1), Some(TokenTree::Ident(_))) => {
                Ok(Self { tokens, name: at + 1 })
            }
            _ => Err(Error::new(
                Span::call_site(),
                format!("#[nexus_rt::{attribute}] marks functions with a body"),
            )),
        }
    }

    fn name(&self) -> String {
        self.tokens[self.name].to_string()
    }

    /// The words `async`, `unsafe` and so on before `fn`.
    fn qualifiers(&self) -> impl Iterator<Item = &TokenTree> {
        self.tokens[..self.name - 1]
            .iter()
            .filter(|token| ["async", "unsafe", "extern", "const"].iter().any(|word| is_word(token, word)))
    }
}

fn expand_main(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let memory = parse_memory(arguments)?;
    let function = Function::parse(item, "main")?;
    let name = &function.tokens[function.name];
    if function.name() != "main" {
        return Err(Error::new(name.span(), "the function that #[nexus_rt::main] marks must be named `main`"));
    }
    if let Some(word) = function.qualifiers().next() {
        return Err(Error::new(word.span(), format!("`main` cannot be `{word}`")));
    }
    match &function.tokens[function.name + 1] {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            if !group.stream().is_empty() {
                return Err(Error::new(
                    group.span(),
                    "`main` takes no arguments: read the input with nexus_rt::read_private_input",
                ));
            }
        }
        token => return Err(Error::new(token.span(), "`main` cannot be generic")),
    }

    let memory_symbol = memory.map_or(String::new(), |mebibytes| {
        format!(
            "::core::arch::global_asm!(\".globl __nexus_rt_memory\", \".equ __nexus_rt_memory, {}\");",
            mebibytes << 20
        )
    });
    Ok(parse(&format!(
        "{memory_symbol}
         const _: () = {{
             #[unsafe(export_name = \"__nexus_rt_main\")]
             extern \"C\" fn start() -> u32 {{
                 ::nexus_rt::Termination::report(main())
             }}
         }};"
    )))
}

/// Nothing, or `memlimit = N`.
fn parse_memory(arguments: TokenStream) -> Result<Option<u32>, Error> {
    let tokens: Vec<TokenTree> = arguments.into_iter().collect();
    match tokens.as_slice() {
        [] => Ok(None),
        [name, TokenTree::Punct(equals), TokenTree::Literal(value)]
            if is_word(name, "memlimit") && equals.as_char() == '=' && equals.spacing() == Spacing::Alone =>
        {
            match value.to_string().replace('_', "").parse() {
                Ok(mebibytes @ 1..=LARGEST_MEMORY) => Ok(Some(mebibytes)),
                _ => Err(Error::new(
                    value.span(),
                    format!("memlimit is a number of MiB, 1 to {LARGEST_MEMORY}"),
                )),
            }
        }
        [first, ..] => Err(Error::new(first.span(), "the only argument is `memlimit = N`, in MiB")),
    }
}

fn expand_profile(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    if let Some(token) = arguments.into_iter().next() {
        return Err(Error::new(token.span(), "#[nexus_rt::profile] takes no arguments"));
    }
    let mut function = Function::parse(item, "profile")?;
    let name = function.name();
    let span = parse(&format!(
        "let _nexus_rt_span = ::nexus_rt::ProfileSpan::new(
             ::core::concat!(\"^#\", ::core::module_path!(), \"::{name}\"),
             ::core::concat!(\"$#\", ::core::module_path!(), \"::{name}\"),
         );"
    ));
    if let Some(TokenTree::Group(body)) = function.tokens.last_mut() {
        let mut timed = Group::new(Delimiter::Brace, [span, body.stream()].into_iter().collect());
        timed.set_span(body.span());
        *body = timed;
    }
    Ok(function.tokens.into_iter().collect())
}
