import type { Headers } from "../../../lib/engine/event.js";
import { type CodecName, codecExtension } from "../../../lib/formats/codec-names.js";
import { EventPlaces, type PlaceSettings } from "./event-places.js";
import { namedFile, type NameSettings } from "./file-names.js";

interface Config extends PlaceSettings, NameSettings {
  readonly fileType: string;
  readonly codeC: CodecName | "none";
}

/** Not known in a browser: those of the machine that Node-RED runs on. */
const HOSTS = { localhost: "this-host", IP: "192.0.2.1", FQDN: "this-host.example" };

/** The path and name that a sample event would get, by the code that the sink itself runs. */
export const preview = {
  below: "useLocalTimeStamp",
  of: "path",
  lines(
    config: Readonly<Record<string, unknown>>,
    { headers, now }: { readonly headers: Headers; readonly now: number },
  ): Readonly<Record<string, string>> {
    const settings = config as unknown as Config;
    const places = new EventPlaces(settings, HOSTS);
    const { directory, prefix } = places.placeOf(places.keyOf(headers, now));
    const codec = settings.fileType === "DataStream" ? "none" : settings.codeC;
    const extension = codec === "none" ? "" : codecExtension(codec);
    const { open, final } = namedFile(directory, prefix, now, settings, extension);
    return open === final ? { final } : { final, open };
  },
};
