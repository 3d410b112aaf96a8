/** Programs that a machine may lack, such as promtool: the tests that need one are skipped there. */

/** Whether it runs. @param version the argument that makes it print its version */
export async function isInstalled(program: string, version = "--version"): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: [version] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
