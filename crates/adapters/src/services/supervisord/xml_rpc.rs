//! XML-RPC as supervisord speaks it: a call as bytes, and an answer from bytes.
//!
//! Only what its answers hold is understood: elements without attributes, text, the five named entities and numbered ones.
//! Refuses to: read documents that nest deeply or that bring entities of their own, and to open anything.

use thiserror::Error;

/// Deeper than any answer: a list of structures of values.
const DEEPEST: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `int`, `i4`
    Int(i64),
    /// `boolean`
    Bool(bool),
    /// `string`, or text without a type
    Text(String),
    /// `double`
    Double(f64),
    /// `nil`
    Nil,
    /// `array`
    Array(Vec<Value>),
    /// `struct`, in order
    Struct(Vec<(String, Value)>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The result.
    Result(Value),
    /// It could not be done.
    Fault {
        /// supervisord's `Faults`.
        code: i64,
        /// In its words.
        text: String,
    },
}

/// An answer that is none; the number is the byte at which it was given up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the answer is not XML-RPC: {what} expected at byte {at}")]
pub struct Broken {
    what: &'static str,
    at: usize,
}

impl Value {
    /// A member of a structure.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            Self::Int(_) | Self::Bool(_) | Self::Text(_) | Self::Double(_) | Self::Nil | Self::Array(_) => None,
        }
    }

    /// A number.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(_) | Self::Text(_) | Self::Double(_) | Self::Nil | Self::Array(_) | Self::Struct(_) => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Int(_) | Self::Bool(_) | Self::Double(_) | Self::Nil | Self::Array(_) | Self::Struct(_) => None,
        }
    }
}

/// A call.
#[must_use]
pub fn call(method: &str, params: &[Value]) -> Vec<u8> {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<methodCall><methodName>");
    escape(method, &mut text);
    text.push_str("</methodName><params>");
    for param in params {
        text.push_str("<param>");
        write(param, &mut text);
        text.push_str("</param>");
    }
    text.push_str("</params></methodCall>\n");
    text.into_bytes()
}

fn write(value: &Value, text: &mut String) {
    text.push_str("<value>");
    match value {
        Value::Int(number) => text.push_str(&format!("<int>{number}</int>")),
        Value::Bool(yes) => text.push_str(&format!("<boolean>{}</boolean>", u8::from(*yes))),
        Value::Double(number) => text.push_str(&format!("<double>{number}</double>")),
        Value::Nil => text.push_str("<nil/>"),
        Value::Text(string) => {
            text.push_str("<string>");
            escape(string, text);
            text.push_str("</string>");
        }
        Value::Array(values) => {
            text.push_str("<array><data>");
            values.iter().for_each(|value| write(value, text));
            text.push_str("</data></array>");
        }
        Value::Struct(members) => {
            text.push_str("<struct>");
            for (name, value) in members {
                text.push_str("<member><name>");
                escape(name, text);
                text.push_str("</name>");
                write(value, text);
                text.push_str("</member>");
            }
            text.push_str("</struct>");
        }
    }
    text.push_str("</value>");
}

fn escape(raw: &str, text: &mut String) {
    for c in raw.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            // A reader may take a bare one for the end of a line.
            '\r' => text.push_str("&#13;"),
            c => text.push(c),
        }
    }
}

/// Reads an answer.
///
/// # Errors
/// [`Broken`] for anything else.
pub fn answer(bytes: &[u8]) -> Result<Answer, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader { text: &text, at: 0 };
    reader.prologue()?;
    reader.open("methodResponse")?;
    let answer = if reader.opens("params") {
        reader.open("param")?;
        let value = reader.value(0)?;
        reader.close("param")?;
        reader.close("params")?;
        Answer::Result(value)
    } else {
        reader.open("fault")?;
        let value = reader.value(0)?;
        reader.close("fault")?;
        let code = value.member("faultCode").and_then(Value::int);
        let text = value.member("faultString").and_then(Value::text);
        let (Some(code), Some(text)) = (code, text) else { return Err(reader.broken("a faultCode and a faultString")) };
        Answer::Fault { code, text: text.to_owned() }
    };
    reader.close("methodResponse")?;
    reader.blank();
    if reader.rest().is_empty() { Ok(answer) } else { Err(reader.broken("the end")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn broken(&self, what: &'static str) -> Broken {
        Broken { what, at: self.at }
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    fn takes(&mut self, what: &str) -> bool {
        let here = self.rest().starts_with(what);
        self.at += if here { what.len() } else { 0 };
        here
    }

    /// `<?xml …?>`; a document type could bring entities, and is none of ours.
    fn prologue(&mut self) -> Result<(), Broken> {
        self.blank();
        if self.takes("<?xml") {
            let end = self.rest().find("?>").ok_or_else(|| self.broken("?>"))?;
            self.at += end + 2;
        }
        Ok(())
    }

    /// Takes `<name>` when it comes next.
    fn opens(&mut self, name: &str) -> bool {
        let before = self.at;
        self.blank();
        let taken = self.takes("<") && self.takes(name) && self.takes(">");
        if !taken {
            self.at = before;
        }
        taken
    }

    fn open(&mut self, name: &'static str) -> Result<(), Broken> {
        if self.opens(name) { Ok(()) } else { Err(self.broken(name)) }
    }

    /// Takes `<name/>` when it comes next.
    fn empty(&mut self, name: &str) -> bool {
        let before = self.at;
        self.blank();
        let taken = self.takes("<") && self.takes(name) && self.takes("/>");
        if !taken {
            self.at = before;
        }
        taken
    }

    fn closes(&mut self, name: &str) -> bool {
        let before = self.at;
        self.blank();
        let taken = self.takes("</") && self.takes(name) && self.takes(">");
        if !taken {
            self.at = before;
        }
        taken
    }

    fn close(&mut self, name: &'static str) -> Result<(), Broken> {
        if self.closes(name) { Ok(()) } else { Err(self.broken(name)) }
    }

    /// The text up to the end of its element, which is taken too.
    fn content(&mut self, name: &'static str) -> Result<String, Broken> {
        let text = self.characters()?;
        // Directly: blanks before the end belong to the text.
        if self.takes("</") && self.takes(name) && self.takes(">") { Ok(text) } else { Err(self.broken(name)) }
    }

    fn characters(&mut self) -> Result<String, Broken> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find(['<', '&']).ok_or_else(|| self.broken("<"))?;
            text.push_str(rest.get(..end).unwrap_or_default());
            self.at += end;
            if !self.takes("&") {
                return Ok(text);
            }
            text.push(self.entity()?);
        }
    }

    fn entity(&mut self) -> Result<char, Broken> {
        let end = self.rest().find(';').filter(|end| *end <= 8).ok_or_else(|| self.broken("an entity"))?;
        let name = self.rest().get(..end).unwrap_or_default();
        let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        });
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        let character = character.ok_or_else(|| self.broken("an entity"))?;
        self.at += end + 1;
        Ok(character)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Broken> {
        if depth >= DEEPEST {
            return Err(self.broken("less depth"));
        }
        if self.empty("value") {
            return Ok(Value::Text(String::new()));
        }
        self.open("value")?;
        // Text without a type is a string, blanks and all.
        let before = self.at;
        let text = self.characters()?;
        if self.takes("</value>") {
            return Ok(Value::Text(text));
        }
        self.at = before;
        let value = self.typed(depth)?;
        self.close("value")?;
        Ok(value)
    }

    fn typed(&mut self, depth: usize) -> Result<Value, Broken> {
        for name in ["int", "i4", "i8"] {
            if self.opens(name) {
                let number = self.content(name)?.trim().parse();
                return number.map(Value::Int).map_err(|_| self.broken("a number"));
            }
        }
        if self.opens("boolean") {
            return match self.content("boolean")?.trim() {
                "1" => Ok(Value::Bool(true)),
                "0" => Ok(Value::Bool(false)),
                _other => Err(self.broken("0 or 1")),
            };
        }
        if self.opens("string") {
            return self.content("string").map(Value::Text);
        }
        if self.empty("string") {
            return Ok(Value::Text(String::new()));
        }
        if self.opens("double") {
            let number: Option<f64> =
                self.content("double")?.trim().parse().ok().filter(|number: &f64| number.is_finite());
            return number.map(Value::Double).ok_or_else(|| self.broken("a number"));
        }
        if self.empty("nil") {
            return Ok(Value::Nil);
        }
        if self.opens("array") {
            return self.array(depth);
        }
        if self.empty("struct") {
            return Ok(Value::Struct(Vec::new()));
        }
        self.open("struct")?;
        self.structure(depth)
    }

    fn array(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut values = Vec::new();
        if !self.empty("data") {
            self.open("data")?;
            while !self.closes("data") {
                values.push(self.value(depth + 1)?);
            }
        }
        self.close("array")?;
        Ok(Value::Array(values))
    }

    fn structure(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut members = Vec::new();
        while !self.closes("struct") {
            self.open("member")?;
            self.open("name")?;
            let name = self.content("name")?;
            members.push((name, self.value(depth + 1)?));
            self.close("member")?;
        }
        Ok(Value::Struct(members))
    }
}

#[cfg(test)]
#[path = "xml_rpc_tests.rs"]
mod tests;
