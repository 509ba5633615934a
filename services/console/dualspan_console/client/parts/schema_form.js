// A form made from a JSON Schema: objects, texts, numbers, choices, ticks and lists, in the person's language.
//
// Titles and descriptions in Chinese stand beside the English ones as `x-title-zh` and `x-description-zh`.
import { html, useId } from "../core/view.js";
import { language, t } from "../core/words.js";
import { Icon } from "./icons.js";

const typeOf = (schema) => {
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  return type ?? (schema.properties ? "object" : schema.enum ? "choice" : "string");
};
const words = (schema, name) => (language === "zh" ? (schema[`x-${name}-zh`] ?? schema[name]) : schema[name]);
const titleOf = (schema, id) => words(schema, "title") ?? id;

/** What a new value of a schema is: its default, else what says nothing. */
export function initial(schema) {
  if (schema.default !== undefined) return structuredClone(schema.default);
  const type = typeOf(schema);
  if (type === "object") {
    return Object.fromEntries(
      Object.entries(schema.properties ?? {})
        .map(([id, inner]) => [id, initial(inner)])
        .filter(([, value]) => value !== undefined),
    );
  }
  if (type === "array") return [];
  if (type === "boolean") return false;
  return undefined;
}

/**
 * What is wrong with a value, by the path of the field: `{"shifts.0": "…"}`. The service checks all of it again.
 * @param {object} schema @param {any} value
 */
export function faults(schema, value, path = "", found = {}, required = true) {
  const type = schema.enum ? "choice" : typeOf(schema);
  const none = value === undefined || value === null || value === "";
  if (none && type !== "object") {
    if (required) found[path] = t("form.needed");
    return found;
  }
  const check = CHECKS[type];
  const fault = check?.(schema, value);
  if (fault) found[path] = fault;
  const below = (id) => (path ? `${path}.${id}` : id);
  if (type === "object") {
    for (const [id, inner] of Object.entries(schema.properties ?? {})) {
      faults(inner, value?.[id], below(id), found, (schema.required ?? []).includes(id));
    }
  }
  if (type === "array" && !fault) value.forEach((each, index) => faults(schema.items ?? {}, each, below(index), found));
  return found;
}

const checkNumber = (schema, value) => {
  if (typeof value !== "number" || !Number.isFinite(value)) return t("form.number");
  if (typeOf(schema) === "integer" && !Number.isInteger(value)) return t("form.whole");
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low !== undefined && (value < low || value === schema.exclusiveMinimum)) return t("form.least", { least: low });
  if (high !== undefined && (value > high || value === schema.exclusiveMaximum)) return t("form.most", { most: high });
  return "";
};
const CHECKS = {
  number: checkNumber,
  integer: checkNumber,
  choice: (schema, value) => (schema.enum.includes(value) ? "" : t("form.needed")),
  string: (schema, value) => {
    if (schema.minLength && value.length < schema.minLength) return t("form.longer", { count: schema.minLength });
    if (schema.maxLength !== undefined && value.length > schema.maxLength)
      return t("form.shorter", { count: schema.maxLength });
    if (schema.pattern && !new RegExp(schema.pattern, "u").test(value))
      return t("form.pattern", { pattern: schema.pattern });
    return "";
  },
  array: (schema, value) => {
    if (value.length < (schema.minItems ?? 0)) return t("form.more_items", { count: schema.minItems });
    if (schema.maxItems !== undefined && value.length > schema.maxItems)
      return t("form.fewer_items", { count: schema.maxItems });
    if (schema.uniqueItems && new Set(value.map((each) => JSON.stringify(each))).size < value.length)
      return t("form.twice");
    return "";
  },
};

/** A field with its name, what it is for and what is wrong with it, bound for screen readers. */
export function Field({ label, hint, wrong, children, group }) {
  const id = useId();
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  const Label = group ? "span" : "label";
  return html`<div
    class="field"
    role=${group ? "group" : undefined}
    aria-labelledby=${group ? `${id}-label` : undefined}
  >
    <${Label} class="label" id="${id}-label" for=${group ? undefined : id}>${label}<//>
    ${children({ id, "aria-describedby": described, "aria-invalid": wrong ? "true" : undefined })}
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${wrong && html`<span class="wrong" id="${id}-wrong">${wrong}</span>`}
  </div>`;
}

/**
 * The fields of a schema.
 * @param {{schema: object, value: any, change: (value: any) => void, wrong?: Record<string, string>, path?: string, id?: string, required?: boolean}} props
 */
export function SchemaForm({ schema, value, change, wrong = {}, path = "", id = "", required = true }) {
  if (schema.enum) return html`<${Choice} ...${{ schema, value, change, wrong, path, id, required }} />`;
  const Part = PARTS[typeOf(schema)] ?? Text;
  return html`<${Part} ...${{ schema, value, change, wrong, path, id, required }} />`;
}

const label = (schema, id, required) =>
  required ? titleOf(schema, id) : html`${titleOf(schema, id)} <span class="dim small">(${t("form.optional")})</span>`;

function ObjectFields({ schema, value = {}, change, wrong, path, id }) {
  const set = (name, next) => {
    const { [name]: _, ...others } = value;
    change(next === undefined ? others : { ...others, [name]: next });
  };
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, inner]) =>
      html`<${SchemaForm}
        key=${name}
        schema=${inner}
        value=${value[name]}
        change=${(next) => set(name, next)}
        wrong=${wrong}
        path=${path ? `${path}.${name}` : name}
        id=${name}
        required=${(schema.required ?? []).includes(name)}
      />`,
  );
  if (!path) return html`<div class="stack">${fields}</div>`;
  return html`<${Field} group label=${titleOf(schema, id)} hint=${words(schema, "description")}
    >${() => html`<div class="stack nested">${fields}</div>`}<//
  >`;
}

function Text({ schema, value, change, wrong, path, id, required }) {
  const long = (schema.maxLength ?? 0) > 200;
  return html`<${Field} label=${label(schema, id, required)} hint=${words(schema, "description")} wrong=${wrong[path]}>
    ${(bound) =>
      long
        ? html`<textarea
            class="input"
            name=${path}
            ...${bound}
            value=${value ?? ""}
            onInput=${(event) => change(event.target.value || undefined)}
          ></textarea>`
        : html`<input
            class="input"
            name=${path}
            type=${schema.format === "password" ? "password" : "text"}
            ...${bound}
            value=${value ?? ""}
            onInput=${(event) => change(event.target.value || undefined)}
          />`}<//
  >`;
}

function NumberField({ schema, value, change, wrong, path, id, required }) {
  const read = (text) => change(text === "" ? undefined : Number(text));
  return html`<${Field} label=${label(schema, id, required)} hint=${words(schema, "description")} wrong=${wrong[path]}>
    ${(bound) =>
      html`<input
        class="input"
        name=${path}
        type="number"
        step=${typeOf(schema) === "integer" ? 1 : "any"}
        min=${schema.minimum}
        max=${schema.maximum}
        ...${bound}
        value=${value ?? ""}
        onInput=${(event) => read(event.target.value)}
      />`}<//
  >`;
}

function Tick({ schema, value, change, id, path }) {
  return html`<div class="field">
    <label class="tick"
      ><input
        type="checkbox"
        name=${path}
        checked=${value === true}
        onChange=${(event) => change(event.target.checked)}
      /><span>${titleOf(schema, id)}</span></label
    >
    ${words(schema, "description") && html`<span class="hint">${words(schema, "description")}</span>`}
  </div>`;
}

function Choice({ schema, value, change, wrong, path, id, required }) {
  const names = (language === "zh" && schema["x-enum-zh"]) || schema["x-enum-titles"] || schema.enum;
  return html`<${Field} label=${label(schema, id, required)} hint=${words(schema, "description")} wrong=${wrong[path]}>
    ${(bound) =>
      html`<select
        class="input"
        name=${path}
        ...${bound}
        value=${String(schema.enum.indexOf(value))}
        onChange=${(event) => change(schema.enum[Number(event.target.value)])}
      >
        ${(value === undefined || !required) && html`<option value="-1">–</option>`}
        ${schema.enum.map((each, index) => html`<option value=${String(index)}>${String(names[index] ?? each)}</option>`)}
      </select>`}<//
  >`;
}

function List({ schema, value = [], change, wrong, path, id }) {
  const set = (index, next) => change(value.map((old, each) => (each === index ? next : old)));
  const simple = !["object", "array"].includes(typeOf(schema.items ?? {}));
  const item = (each, index) =>
    html`<li class="row" key=${index}>
      <div class="grow">
        ${
          simple
            ? html`<input
                  class="input"
                  name="${path}.${index}"
                  aria-label="${titleOf(schema, id)} ${index + 1}"
                  value=${each ?? ""}
                  aria-invalid=${wrong[`${path}.${index}`] ? "true" : undefined}
                  onInput=${(event) => set(index, typed(schema.items, event.target.value))}
                />
                ${wrong[`${path}.${index}`] && html`<span class="wrong">${wrong[`${path}.${index}`]}</span>`}`
            : html`<${SchemaForm}
                schema=${schema.items}
                value=${each}
                change=${(next) => set(index, next)}
                wrong=${wrong}
                path="${path}.${index}"
                id=${String(index + 1)}
              />`
        }
      </div>
      <button
        type="button"
        class="button quiet icon"
        aria-label=${t("form.take_away", { what: `${titleOf(schema, id)} ${index + 1}` })}
        onClick=${() => change(value.filter((_, place) => place !== index))}
      >
        <${Icon} name="close" />
      </button>
    </li>`;
  return html`<${Field} group label=${titleOf(schema, id)} hint=${words(schema, "description")} wrong=${wrong[path]}>
    ${() =>
      html`<ul class="stack tight">
          ${value.map(item)}
        </ul>
        <div>
          <button
            type="button"
            class="button"
            disabled=${value.length >= (schema.maxItems ?? Infinity)}
            onClick=${() => change([...value, initial(schema.items ?? {}) ?? ""])}
          >
            <${Icon} name="plus" />${t("form.add")}
          </button>
        </div>`}<//
  >`;
}

const typed = (schema, text) =>
  ["number", "integer"].includes(typeOf(schema ?? {})) && text !== "" ? Number(text) : text;

const PARTS = {
  object: ObjectFields,
  string: Text,
  number: NumberField,
  integer: NumberField,
  boolean: Tick,
  array: List,
};
