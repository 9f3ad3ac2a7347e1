/** What the page uses of vendor/preact.js, which has no types of its own. */
export type Ref<T> = { current: T };
type Change<S> = (next: S | ((before: S) => S)) => void;

export class Component<P = any, S = any> {
    constructor(props?: P);
    props: P & { children?: any };
    state: S;
    setState(next: Partial<S> | ((before: S) => Partial<S>), after?: () => void): void;
    forceUpdate(): void;
    render(props: P, state: S): any;
}

export type VNode = any;
export function h(type: any, props: any, ...children: any[]): any;
export function html(strings: TemplateStringsArray, ...values: any[]): any;
export function render(node: any, parent: Element): void;
export function createContext<T>(value: T): any;
export function useState<S>(initial: S | (() => S)): [S, Change<S>];
export function useReducer<S, A>(reduce: (state: S, action: A) => S, initial: S): [S, (action: A) => void];
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useRef<T>(initial: T): Ref<T>;
export function useMemo<T>(make: () => T, inputs?: readonly unknown[]): T;
export function useCallback<T extends (...args: any[]) => unknown>(fn: T, inputs: readonly unknown[]): T;
export function useContext(context: any): any;
export function useErrorBoundary(fn?: (error: any) => void): [any, () => void];
export function useImperativeHandle<T>(ref: Ref<T | null> | undefined, make: () => T, inputs?: readonly unknown[]): void;
