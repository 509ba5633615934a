// What properties are called that apps name by their ids.
import { catalogue } from "../../core/catalogue.js";
import { signal } from "../../core/view.js";
import { local } from "../../core/words.js";

const names = signal(new Map());

/** Reads the names; models that have a property of one id call it the same. */
export async function readProperties() {
  const { models } = await catalogue();
  names.value = new Map(models.flatMap(({ properties }) => properties.map(({ id, displayName }) => [id, local(displayName)])));
}

/** In the person's language; the id of one that no model has. */
export const propertyName = (id) => names.value.get(id) || id;
