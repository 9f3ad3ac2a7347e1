/** Keeps the address of the page and the conversation that is shown the same, whichever of them changes. */
import { useEffect, useLayoutEffect, useState } from "./vendor/preact.js";
import { hrefOf, parseRoute } from "./routes.js";
import { useObservable } from "./observable_hook.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./routes.js").Route} Route
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
    useLayoutEffect(() => {
        if (first) {
            location.replace(hrefOf(first));
        } else {
            model.open(isOutside ? "" : route.conv);
        }
    }, [route.conv, first, isOutside]);
    const moved = useMoved(model);
    useEffect(() => {
        if (moved && moved !== parseRoute(location.hash).conv) {
            location.replace(hrefOf(moved));
        }
    }, [moved]);
    return route;
}

/**
 * The conversation that the model shows, once it is another: a command may open one, and rooms get other names.
 * @param {Model} model
 * @returns {string}
 */
function useMoved(model) {
    const [moved, setMoved] = useState("");
    useEffect(() => {
        let before = model.current;
        return model.subscribe(() => {
            if (model.current !== before) {
                before = model.current;
                setMoved(before);
            }
        });
    }, [model]);
    return moved;
}
