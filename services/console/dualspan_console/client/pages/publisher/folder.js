// An app's folder, as a publisher has it on their disk: its manifest and the pictures that the manifest names.
import { Problem } from "../../core/api.js";
import { t } from "../../core/words.js";

const MANIFEST = "app.yaml";
const PICTURE = /\.(png|jpe?g|webp|svg)$/i;

/** Where a file lies within the chosen folder; of a file that was chosen alone, its name. */
const pathOf = (file) => file.webkitRelativePath.split("/").slice(1).join("/") || file.name;

/** A scalar at the top of the manifest; the platform reads all of it and says what is wrong. */
const scalar = (text, name) => new RegExp(`^${name}:\\s*["']?([^"'\\s#]+)`, "m").exec(text)?.[1] ?? "";

const base64 = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Problem({ detail: t("publisher.unreadable", { name: file.name }) }));
    reader.readAsDataURL(file);
  });

/**
 * @param {FileList} files
 * @returns {Promise<{app: string, version: string, manifest: string, pictures: {path: string, content: string}[]}>}
 */
export async function readFolder(files) {
  const all = [...files];
  const manifestFile = all.find((file) => pathOf(file) === MANIFEST);
  if (!manifestFile) throw new Problem({ detail: t("publisher.no_manifest") });
  const manifest = await manifestFile.text();
  const [app, version] = [scalar(manifest, "id"), scalar(manifest, "version")];
  if (!app || !version) throw new Problem({ detail: t("publisher.no_id") });
  const named = all.filter((file) => PICTURE.test(file.name) && manifest.includes(pathOf(file)));
  const pictures = await Promise.all(named.map(async (file) => ({ path: pathOf(file), content: await base64(file) })));
  return { app, version, manifest, pictures };
}
