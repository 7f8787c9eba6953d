//! The JSON Schema of scenario files, from the grammar, for the completion of editors.

use serde_json::{Map, Value, json};

use crate::scenario::grammar::{self, Choice, Field, SCENARIO, Shape};
use crate::scenario::unit::Unit;

/// What a name is, as a regular expression.
const NAME: &str = "^[a-z][a-z0-9-]*$";

/// The JSON Schema (draft 2020-12) of a scenario file.
pub fn schema() -> Value {
    let mut schema = of(&SCENARIO);
    let root = schema.as_object_mut().expect("the schema of a map is an object");
    root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".into(), json!("Blackstart scenario"));
    // What a file includes may have the rest of the keys.
    let required = root.remove("required").unwrap_or(json!([]));
    let includes = json!({ "required": ["include"] });
    root.insert("anyOf".into(), json!([includes, { "required": required }]));
    schema
}

fn of(shape: &'static Shape) -> Value {
    match shape {
        Shape::Text(_) => json!({ "type": ["string", "number"] }),
        Shape::Choice(choice) => of_choice(choice),
        Shape::List { item, alone } => {
            let list = json!({ "type": "array", "items": of(item) });
            if *alone { json!({ "anyOf": [list, of(item)] }) } else { list }
        }
        Shape::Map(fields) => of_map(fields),
        Shape::Named(below) => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": NAME },
            "additionalProperties": of(below),
        }),
        Shape::Shares(_) => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": NAME },
            "additionalProperties": of(&grammar::SHARE_OR_REST),
        }),
        Shape::Curve => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2})?$" },
            "additionalProperties": of(&grammar::PERCENT),
        }),
        Shape::Moments => json!({
            "type": "object",
            "propertyNames": { "pattern": "^(mean|median|p[0-9.]+)$" },
            "additionalProperties": of_unit(Unit::Duration),
        }),
        Shape::Overlay => json!({ "type": ["object", "null"] }),
    }
}

fn of_map(fields: &'static [Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut property = of(field.shape);
        if let Some(property) = property.as_object_mut() {
            property.insert("description".into(), json!(field.doc));
        }
        properties.insert(field.key.into(), property);
    }
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    // A map of optional keys alone may be left empty.
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({
        "type": kind,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn of_choice(choice: &'static Choice) -> Value {
    let mut ways = Vec::new();
    if let Some(unit) = choice.unit {
        ways.push(of_unit(unit));
    }
    if !choice.words.is_empty() {
        let mut words: Vec<Value> = choice.words.iter().map(|word| json!(word)).collect();
        // YAML reads these two as truth values where the schema is looked at.
        words.extend(
            choice.words.iter().filter_map(|word| word.parse::<bool>().ok()).map(|b| json!(b)),
        );
        ways.push(json!({ "enum": words }));
    }
    for kind in choice.kinds {
        let properties = Map::from_iter([(kind.key.to_owned(), of(kind.shape))]);
        ways.push(json!({
            "type": "object",
            "description": kind.doc,
            "properties": properties,
            "required": [kind.key],
            "additionalProperties": false,
        }));
    }
    if ways.len() == 1 { ways.remove(0) } else { json!({ "anyOf": ways }) }
}

fn of_unit(unit: Unit) -> Value {
    let kind = if unit.bare() { json!(["string", "number"]) } else { json!("string") };
    json!({ "type": kind, "pattern": unit.pattern() })
}
