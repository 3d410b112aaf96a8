/** What language models cost, in USD per million tokens. A table ages: `PRICES_FILE` overrides it. */
import { z } from "zod";

export interface Price {
  readonly input: number;
  readonly output: number;
}

/** The month of the provider's public price list that the table is from. */
export const PRICES_AS_OF = "2025-04";

const BUILT_IN: Readonly<Record<string, Price>> = {
  "gpt-4.1": { input: 2, output: 8 },
  "gpt-4.1-mini": { input: 0.4, output: 1.6 },
  "gpt-4.1-nano": { input: 0.1, output: 0.4 },
  "gpt-4o": { input: 2.5, output: 10 },
  "gpt-4o-mini": { input: 0.15, output: 0.6 },
};

const PricesSchema = z.record(
  z.string(),
  z.strictObject({ input: z.number().nonnegative(), output: z.number().nonnegative() }),
);

/**
 * The price of a model; undefined for one in neither table, such as a local server's: it counts as free.
 *
 * @param file path of a JSON object from model to `{input, output}`
 * @throws {Error} when the file can't be read or has another shape
 */
export function priceOf(model: string, file?: string): Price | undefined {
  const prices = new Map(Object.entries({ ...BUILT_IN, ...(file === undefined ? {} : readPrices(file)) }));
  return prices.get(model);
}

function readPrices(file: string): Readonly<Record<string, Price>> {
  try {
    return PricesSchema.parse(JSON.parse(Deno.readTextFileSync(file)));
  } catch (error) {
    throw new Error(
      `Cannot read PRICES_FILE: it must be JSON like {"model": {"input": 0.4, "output": 1.6}}`,
      {
        cause: error,
      },
    );
  }
}

export function costUsd(price: Price, inputTokens: number, outputTokens: number): number {
  return (price.input * inputTokens + price.output * outputTokens) / 1_000_000;
}
