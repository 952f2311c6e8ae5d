// The files of the house that tests read: pages, their Go code, and the catalogues, of the visit page and of every part that has its own.
import { existsSync, readdirSync, readFileSync } from "node:fs";

export const root = new URL("../../", import.meta.url);
export const read = (name) => readFileSync(new URL(name, root), "utf8");
/** The files below a folder with a name that ends so. */
export const files = (folder, ending) =>
  readdirSync(new URL(folder, root), { recursive: true }).filter((name) => name.endsWith(ending)).map((name) => `${folder}${name}`);

/** The folders of parts that have pages or words of their own. */
const parts = ["visits/", "platform/", "modules/"].filter((folder) => existsSync(new URL(folder, root)));
export const tags = files("static/locales/", ".json").map((name) => name.replace(/^.*\/|\.json$/g, ""));
/** The folders with catalogues, that of the visit page first. */
export const shelves = ["static/locales/", ...parts.flatMap((folder) => files(folder, "locales/en.json")).map((name) => name.replace(/en\.json$/, ""))];
/** One catalogue as it stands in its file. */
export const text = (shelf, tag) => read(`${shelf}${tag}.json`);
/** Everything that is said in a language. */
export const catalogue = (tag) => Object.assign({}, ...shelves.map((shelf) => JSON.parse(text(shelf, tag))));

export const templates = parts.flatMap((folder) => files(folder, ".html")).map((name) => [name, read(name)]);
/** Go code that may ask for words. */
export const goCode = parts.flatMap((folder) => files(folder, ".go")).filter((name) => !name.endsWith("_test.go"))
  .map((name) => read(name).replace(/^\s*\/\/.*$/gm, "")).join("\n");
