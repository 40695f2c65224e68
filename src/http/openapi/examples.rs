//! Examples for every body of the document, put together from the examples of its parts.

use serde_json::{Map, Value, json};

/// How many schemas within schemas are followed.
const MAX_EXAMPLE_DEPTH: usize = 16;

/// Gives every body without an example one.
pub fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in paths.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        add_to(operation.pointer_mut("/requestBody/content"), &schemas, &|example| example);
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        for (status, response) in responses {
            let codes = response["description"].as_str().unwrap_or_default().to_owned();
            add_to(response.get_mut("content"), &schemas, &|example| refusal(example, status, &codes));
        }
    }
}

fn add_to(content: Option<&mut Value>, schemas: &Value, finish: &dyn Fn(Value) -> Value) {
    for body in content.and_then(Value::as_object_mut).into_iter().flat_map(|content| content.values_mut()) {
        if body.get("example").is_none() {
            let example = finish(example_of("", &body["schema"], schemas, MAX_EXAMPLE_DEPTH));
            body["example"] = example;
        }
    }
}

/// Makes an example of a problem one of its status: the first code that the description names.
fn refusal(mut example: Value, status: &str, codes: &str) -> Value {
    let code = codes.split('`').nth(1);
    if let (Some(code), Ok(status), true) = (code, status.parse::<u16>(), example.get("request_id").is_some()) {
        example["status"] = json!(status);
        example["code"] = json!(code);
        example["type"] = json!(format!("urn:longwave:problem:{code}"));
        example["title"] = json!("What is wrong");
        example["detail"] = json!("what to do about it");
        example["errors"] = json!([]);
        if let Some(example) = example.as_object_mut().filter(|_| status != 410) {
            example.remove("cursor");
        }
    }
    example
}

fn example_of(name: &str, schema: &Value, schemas: &Value, depth: usize) -> Value {
    if let Some(example) = schema.get("example").or_else(|| schema.get("examples").and_then(|all| all.get(0))) {
        return example.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    let follow = |schema: &Value| example_of(name, schema, schemas, depth - 1);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return follow(&schemas[name]);
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        let parts = parts.iter().map(follow).filter_map(|part| part.as_object().cloned());
        return Value::Object(parts.flatten().collect());
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema.get(choice).and_then(Value::as_array) {
            return choices.iter().find(|choice| choice["type"] != "null").map_or(Value::Null, follow);
        }
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.first().cloned().unwrap_or_default();
    }
    match kind(schema) {
        "object" => {
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let parts =
                properties.iter().map(|(name, part)| (name.clone(), example_of(name, part, schemas, depth - 1)));
            Value::Object(parts.collect::<Map<_, _>>())
        }
        "array" => schema.get("items").map_or_else(|| json!([]), |items| json!([follow(items)])),
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        _ => text(name, schema["format"].as_str().unwrap_or_default()),
    }
}

/// The first type that is not null.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("string"),
        kind => kind.as_str().unwrap_or("string"),
    }
}

fn text(name: &str, format: &str) -> Value {
    match (name, format) {
        (_, "uuid") => json!("01900000-0000-7000-8000-000000000001"),
        ("cursor" | "from" | "read", _) => json!("MS4xNzE5NzkxMTE4NDY1MTYuOA"),
        ("next", _) => Value::Null,
        (name, _) => json!(format!("<{}>", if name.is_empty() { "text" } else { name })),
    }
}
