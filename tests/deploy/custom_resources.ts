/** The schemas of the custom resources that the chart makes, as their projects publish them (`.ci/services install`). */
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import type { Manifest } from "./chart.ts";

/** Relative to SERVICES_DIR. */
const FOLDER = "crds";

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
}

/** What is wrong with these objects; an object of a kind without a definition is wrong. */
export async function customResourceErrors(manifests: readonly Manifest[]): Promise<string[]> {
  const validators = await definitions();
  return manifests.flatMap((manifest) => {
    const { apiVersion, kind, metadata } = manifest;
    const validate = validators.get(`${apiVersion}/${kind}`);
    if (validate === undefined) return [`${kind} ${metadata.name}: there is no definition of ${apiVersion}`];
    if (validate(manifest)) return [];
    return validate.errors!.map(({ instancePath, message, params }) =>
      `${kind} ${metadata.name}${instancePath}: ${message} ${JSON.stringify(params)}`
    );
  });
}

async function definitions(): Promise<ReadonlyMap<string, ValidateFunction>> {
  const folder = `${Deno.env.get("SERVICES_DIR")}/${FOLDER}`;
  // int32 and the like are ranges that nothing here comes near.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, code: { regExp: goRegExp } });
  const validators = new Map<string, ValidateFunction>();
  for await (const { name } of Deno.readDir(folder)) {
    const { spec } = parse(await Deno.readTextFile(`${folder}/${name}`)) as Definition;
    for (const { name: version, schema } of spec.versions) {
      const closed = strict(schema.openAPIV3Schema);
      // The API server knows these by itself.
      const metadata = { properties: { ...closed.properties, metadata: { type: "object" } } };
      validators.set(`${spec.group}/${version}/${spec.names.kind}`, ajv.compile({ ...closed, ...metadata }));
    }
  }
  return validators;
}

/** Go writes "in either case" inside the pattern. */
const goRegExp = Object.assign(
  (pattern: string, flags: string) =>
    pattern.includes("(?i)")
      ? new RegExp(pattern.replaceAll("(?i)", ""), `${flags}i`)
      : new RegExp(pattern, flags),
  { code: "" }, // for code that ajv would write to a file
);

/** The API server drops fields that a schema does not name; here they are errors. */
function strict(schema: Schema): Schema {
  if (schema["x-kubernetes-int-or-string"]) return {};
  const properties = schema.properties &&
    Object.fromEntries(Object.entries(schema.properties).map(([name, it]) => [name, strict(it)]));
  const { additionalProperties: others, items } = schema;
  const open = schema["x-kubernetes-preserve-unknown-fields"] || properties === undefined;
  return {
    ...schema,
    ...(properties === undefined ? {} : { properties }),
    ...(items === undefined ? {} : { items: strict(items) }),
    ...(typeof others === "object"
      ? { additionalProperties: strict(others) }
      : open
      ? {}
      : { additionalProperties: false }),
  };
}
