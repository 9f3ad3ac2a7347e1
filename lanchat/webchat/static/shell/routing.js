/** Keeps the address of the page and the conversation that is shown the same, whichever of them changes. */
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { hrefOf, parseRoute } from "../elements/routes.js";
import { useObservable } from "../common/observable_hook.js";

/**
 * @typedef {import("../core/model.js").Model} Model
 * @typedef {import("../elements/routes.js").Route} Route
 */

/**
 * The place that is shown now. The first one, if the address names none, is the lobby where there is one, else everyone.
 * @param {Model} model
 * @returns {Route}
 */
export function useRoute(model) {
    useObservable(model);
    const [route, setRoute] = useState(() => parseRoute(location.hash));
    useLayoutEffect(() => {
        const follow = () => setRoute(parseRoute(location.hash));
        addEventListener("hashchange", follow);
        return () => removeEventListener("hashchange", follow);
    }, []);
    const first = route.conv ? "" : model.lobby || "Everyone";
    const isOutside = route.conv.startsWith("#") && !model.find(route.conv)?.joined;
    const opened = useRef("");
    useLayoutEffect(() => {
        if (first) {
            location.replace(hrefOf(first));
            return;
        }
        model.open(isOutside ? "" : route.conv);
        opened.current = model.current;
        if (model.current && model.current !== route.conv && parseRoute(location.hash).conv === route.conv) {
            location.replace(hrefOf(model.current, route.focus)); // in the spelling that others use
        }
    }, [route.conv, first, isOutside]);
    useEffect(() => model.subscribe(() => {
        if (model.current && model.current !== opened.current) {
            opened.current = model.current; // a command opened it, or the room has another name
            location.replace(hrefOf(model.current));
        }
    }), [model]);
    return route;
}
