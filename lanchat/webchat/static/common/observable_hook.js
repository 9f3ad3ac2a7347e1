/** The hook with which components follow an observable. */

import { useLayoutEffect, useReducer } from "../vendor/preact.js";

/** @typedef {import("./observable.js").Observable} Observable */

/**
 * Draw the component again whenever an observable has changed.
 * @template {Observable} T
 * @param {T} observable
 * @returns {T} the observable
 */
export function useObservable(observable) {
    const [, redraw] = useReducer((/** @type {number} */ n) => n + 1, 0);
    const drawn = observable.version;
    useLayoutEffect(() => {
        const redrawNow = () => redraw(undefined);
        if (observable.version !== drawn) {
            redrawNow();  // it changed between the drawing and now
        }
        return observable.subscribe(redrawNow);
    }, [observable]);
    return observable;
}
