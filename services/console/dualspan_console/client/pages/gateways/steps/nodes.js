// A server's tree: a level is asked for when it is opened, a search is the platform's; only what is in sight exists.
import { all, get } from "../../../core/api.js";
import { html, useEffect, useMemo, useRef, useState } from "../../../core/view.js";
import { number, t } from "../../../core/words.js";
import { Search } from "../../../parts/layout.js";
import { Failure, Note, Waiting } from "../../../parts/states.js";
import { attempt } from "../../../parts/toasts.js";
import { Tree } from "../../../parts/tree.js";

const LEVEL = 500;
const FOUND = 200;
const SETTLE_MS = 250;
const OBJECTS = "i=85";
/** As many as the platform accepts at once. */
const MOST = 10000;
const MORE = "more:";

/** Whether a value of the node can be stored. */
const isReadable = (node) =>
  node.nodeClass === 2 && (node.accessLevel & 1) === 1 && node.kind !== "VALUE_KIND_UNSPECIFIED";
const isObject = (node) => node.nodeClass === 1;
const nameOf = (node) => node.displayName || node.browsePath.split("/").pop();

/** The levels that were read: `{[parent]: {nodes, token}}`, and how to read more of one. */
function useLevels(server, snapshot) {
  const [levels, setLevels] = useState({});
  const [problem, setProblem] = useState(null);
  const asked = useRef(new Set());
  const number_ = snapshot.name.split("/").pop();
  const read = async (parent, token = "") => {
    if (asked.current.has(`${parent}\n${token}`)) return;
    asked.current.add(`${parent}\n${token}`);
    try {
      const page = await get(`${server}/nodes`, {
        parentNodeId: parent,
        pageSize: LEVEL,
        pageToken: token,
        snapshot: number_,
      });
      setLevels((old) => ({
        ...old,
        [parent]: { nodes: [...(old[parent]?.nodes ?? []), ...page.nodes], token: page.nextPageToken },
      }));
    } catch (failure) {
      asked.current.delete(`${parent}\n${token}`);
      setProblem(failure);
    }
  };
  const again = (parent) => {
    setProblem(null);
    read(parent);
  };
  return { levels, problem, read, again };
}

/** Nodes as rows of the tree, with what is below those that were read. */
function rowsOf(nodes, levels, parent, token) {
  const rows = nodes.map((node) => {
    const level = levels?.[node.nodeId];
    const below = level
      ? rowsOf(level.nodes, levels, node.nodeId, level.token)
      : node.childCount > 0
        ? [{ id: `reading:${node.nodeId}`, text: t("connect.reading_level"), icon: "clock" }]
        : [];
    return {
      id: node.nodeId,
      node,
      text: nameOf(node),
      icon: isReadable(node) ? "tag" : "folder",
      detail: [node.browsePath, node.dataType, node.description].filter(Boolean).join("\n"),
      aside: [
        node.isTag ? t("connect.recorded") : "",
        node.dataType,
        node.unit,
        node.childCount ? number(node.childCount) : "",
      ]
        .filter(Boolean)
        .join(" · "),
      children: levels ? below : [],
      canPick: !node.isTag && (isReadable(node) || (isObject(node) && node.childCount > 0)),
    };
  });
  return token ? [...rows, { id: `${MORE}${parent}\n${token}`, text: t("connect.more_nodes"), icon: "down" }] : rows;
}

export function NodeTree({ server, snapshot, choice, change }) {
  const root = snapshot.rootNodeId || OBJECTS;
  const { levels, problem, read, again } = useLevels(server, snapshot);
  const [open, setOpen] = useState(new Set());
  const [search, setSearch] = useState("");
  const found = useFound(server, snapshot, search);
  const picked = useMemo(() => new Set(choice.nodes), [choice.nodes]);
  useEffect(() => {
    read(root);
  }, [root]);
  const level = levels[root];
  const rows = useMemo(() => (level ? rowsOf(level.nodes, levels, root, level.token) : []), [levels, root]);
  const openNodes = (next) => {
    for (const id of next) if (!levels[id] && !id.startsWith(MORE)) read(id);
    setOpen(next);
  };
  const pick = async ({ id, node }) => {
    if (id.startsWith(MORE)) return read(...id.slice(MORE.length).split("\n"));
    if (!node) return undefined;
    if (isReadable(node))
      return change({
        nodes: picked.has(id) ? choice.nodes.filter((each) => each !== id) : limited([...choice.nodes, id]),
      });
    return attempt(() => pickBelow(node));
  };
  const pickBelow = async (node) => {
    const query = {
      browsePathPrefix: `/${node.browsePath}/`,
      variablesOnly: true,
      snapshot: snapshot.name.split("/").pop(),
    };
    const below = (await all(`${server}/nodes`, "nodes", { query, most: MOST })).filter(
      (each) => isReadable(each) && !each.isTag,
    );
    const ids = below.map(({ nodeId }) => nodeId);
    const isAll = ids.every((id) => picked.has(id));
    const others = choice.nodes.filter((id) => !ids.includes(id));
    change({ nodes: isAll ? others : limited([...others, ...ids]) });
  };
  return html`<div class="row">
      <${Search} value=${search} search=${setSearch} label=${t("connect.search_tree")} />
      <span class="dim" role="status"
        >${search ? found.told : t("connect.tree_size", { nodes: Number(snapshot.nodes), variables: Number(snapshot.variables) })}</span
      >
      ${choice.nodes.length > 0 && html`<button type="button" class="button quiet" onClick=${() => change({ nodes: [] })}>${t("connect.choose_none")}</button>`}
    </div>
    ${choice.nodes.length >= MOST && html`<${Note} tone="warn">${t("connect.most_nodes", { count: MOST })}<//>`}
    ${(problem ?? found.problem) && html`<${Failure} problem=${problem ?? found.problem} again=${() => (search ? found.again() : again(root))} />`}
    ${!level && !problem && html`<${Waiting} lines=${6} />`}
    ${
      level &&
      html`<div class="card tree-box">
        <${Tree}
          roots=${search ? found.rows : rows}
          open=${open}
          setOpen=${openNodes}
          pick=${pick}
          picked=${picked}
          label=${t("connect.tree")}
          marks=${search}
        />
      </div>`
    }
    <p class="dim small">${t("connect.tree_hint")}</p>`;
}

const limited = (ids) => ids.slice(0, MOST);

/** What the platform finds by words, not more than anybody reads. */
function useFound(server, snapshot, search) {
  const [state, setState] = useState({ rows: [], told: "", problem: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!search.trim()) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const query = { query: search, pageSize: FOUND, snapshot: snapshot.name.split("/").pop() };
        const { nodes, nextPageToken } = await get(`${server}/nodes`, query, abort.signal);
        const rows = rowsOf(nodes, null).map((row) => ({
          ...row,
          text: row.node.browsePath,
          aside: row.node.isTag ? t("connect.recorded") : row.node.dataType,
        }));
        setState({
          rows,
          told: t(nextPageToken ? "connect.found_many" : "connect.found_nodes", { count: nodes.length }),
          problem: null,
        });
      } catch (problem) {
        if (!abort.signal.aborted) setState({ rows: [], told: "", problem });
      }
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [server, search, turn]);
  return { ...state, again: () => setTurn((old) => old + 1) };
}
