// A line of text that a form of a dialog asks for.
import { html } from "../core/view.js";
import { Field } from "./schema_form.js";

/**
 * A labelled input among those of a form.
 * @param {object} props
 * @param {string} props.label @param {string} [props.hint]
 * @param {string} props.name of the input
 * @param {string} props.of which of the given texts it is
 * @param {Record<string, string>} props.given @param {(given: Record<string, string>) => void} props.give
 * @param {object} [props.more] attributes of the input, such as `required`
 */
export const TextField = ({ label, hint, name, of, given, give, more = {} }) =>
  html`<${Field} label=${label} hint=${hint}
    >${(bound) =>
      html`<input
        class="input"
        name=${name}
        value=${given[of]}
        onInput=${(event) => give({ ...given, [of]: event.target.value })}
        ...${more}
        ...${bound}
      />`}<//
  >`;
