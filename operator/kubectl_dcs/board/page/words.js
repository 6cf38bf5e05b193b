/**
 * All words of the page, in English and in Chinese. What the operator and the API server say comes
 * in their own language and is shown as it is.
 * @module
 */

/** @type {Record<string, string>} */
const STATES_EN = {
  trouble: "needs a person",
  delayed: "delayed",
  pending: "pending",
  holding: "holding",
  catching_up: "catching up",
  caught_up: "caught up",
  stopping: "stopping",
  stopped: "stopped",
  observed: "observed",
};

/** @type {Record<string, string>} */
const STATES_ZH = {
  trouble: "需要人工",
  delayed: "受阻",
  pending: "等待查询",
  holding: "暂停",
  catching_up: "追赶中",
  caught_up: "已追平",
  stopping: "停止中",
  stopped: "已停止",
  observed: "仅观察",
};

/** @param {number} count @param {string} one @param {string} many */
const plural = (count, one, many) => (count === 1 ? one : many);

const en = {
  lang: "en",
  title: "Cutover board",
  states: STATES_EN,
  allNamespaces: "all namespaces",
  namespace: "namespace",
  selector: "selector",
  live: "live",
  starting: "reading the cluster…",
  dataIsOld: (/** @type {string} */ age) => `data is ${age} old`,
  notLive: "not live",
  recording: (/** @type {string} */ file) => `recording to ${file}`,
  recordingStopped: (/** @type {string} */ why) => `recording interrupted: ${why}`,
  playback: (/** @type {string} */ file) => `recording ${file}`,
  skipped: (/** @type {number} */ count) =>
    `${count} ${plural(count, "line", "lines")} of the recording could not be read`,
  search: "Search: name, id, reason, message",
  searchHint: "press / to search",
  all: "all",
  tasks: (/** @type {number} */ count, /** @type {string} */ shown) =>
    `${shown} ${plural(count, "task", "tasks")}`,
  ofTasks: (/** @type {string} */ shown, /** @type {string} */ total) =>
    `${shown} of ${total} tasks`,
  clearFilters: "Clear filters",
  waves: "Waves",
  overTime: "States of the tasks over time",
  since: (/** @type {string} */ time) => `since ${time}`,
  columns: {
    state: "State",
    name: "Task",
    phase: "Phase",
    lag: "Lag",
    spark: "Lag over time",
    seen: "Seen",
    wave: "Wave",
    reason: "Reason",
    message: "Message",
  },
  noWave: "no wave",
  hold: "Hold",
  go: "Go",
  setHold: "Hold…",
  setGo: "Go…",
  outdated: "not seen by the operator yet",
  opensIn: (/** @type {string} */ span) => `may go in ${span}`,
  closesIn: (/** @type {string} */ span) => `window closes in ${span}`,
  closed: "window has closed",
  firstTimeout: (/** @type {string} */ span) => `first time limit in ${span}`,
  timeIsUp: "a time limit has passed",
  doneAfter: (/** @type {string} */ span) => `complete after ${span}`,
  goneFor: (/** @type {string} */ span) => `open for ${span}`,
  ofTotal: (/** @type {string} */ done, /** @type {string} */ total) => `${done} of ${total} stopped`,
  needPerson: (/** @type {number} */ count, /** @type {string} */ shown) =>
    `${shown} ${plural(count, "needs", "need")} a person`,
  highestLag: (/** @type {string} */ lag) => `highest lag ${lag}`,
  line: {
    trouble: (/** @type {string} */ name, /** @type {string} */ why) =>
      `Look at ${name} first: ${why}`,
    done: "Every task that is to be stopped has been stopped.",
    observed: "No task is to be stopped; the operator only observes.",
    stopping: (/** @type {string} */ count) =>
      `Waiting for DCS to carry out ${count} ${count === "1" ? "stop" : "stops"}.`,
    catchingUp: (/** @type {string} */ count, /** @type {string} */ name, /** @type {string} */ lag) =>
      `Waiting for ${count} ${count === "1" ? "target" : "targets"} to catch up; farthest behind is ${name} with ${lag}.`,
    catchingUpUnknown: (/** @type {string} */ count) =>
      `Waiting for ${count} ${count === "1" ? "target" : "targets"} to catch up.`,
    holding: (/** @type {string} */ count) =>
      `${count} ${count === "1" ? "task holds" : "tasks hold"}: waiting for Go, or for the window.`,
    caughtUp: (/** @type {string} */ count) =>
      `${count} caught up; stop orders follow.`,
    delayed: (/** @type {string} */ count, /** @type {string} */ why) =>
      `${count} delayed (${why}); the operator continues by itself.`,
    pending: (/** @type {string} */ count) => `Waiting for the first poll of ${count}.`,
  },
  lost: {
    title: (/** @type {string} */ age) => `The connection to the API server is lost. Data is ${age} old.`,
    text: "The board keeps trying to reconnect. The operator continues by itself; only this view stands still.",
  },
  board: {
    title: "The board no longer answers.",
    text: "Has `kubectl dcs board` ended? This page keeps trying to reconnect. Until then it shows the last known state.",
  },
  session: {
    title: "This page belongs to a board that has ended.",
    text: "Open the address that `kubectl dcs board` printed last.",
  },
  tooMany: {
    title: "Too many tabs show this board.",
    text: "Close some of them; this page keeps trying.",
  },
  forbidden: {
    title: (/** @type {string} */ place) => `You may not see migration tasks in ${place}.`,
    text: "The board needs the rights list and watch on migrationtasks, migrationwaves and dcsprojects. Once they are granted, this page continues by itself within 10 s. To check:",
  },
  unauthorized: {
    title: "The API server no longer accepts your login.",
    text: "Log in again as you do for kubectl; this page continues by itself within 10 s. To check:",
  },
  unknownKind: {
    title: "This cluster does not know MigrationTask.",
    text: "The CRDs of dcs-migration-operator are not installed, or you are looking at another cluster.",
  },
  refused: { title: "The API server refuses to show the tasks.", text: "The board asks again every 10 s." },
  partly: {
    migrationtasks: "",
    migrationwaves: "Waves are not shown",
    dcsprojects: "Projects are not shown",
  },
  empty: {
    title: (/** @type {string} */ place) => `There is no migration task in ${place} yet.`,
    text: "As soon as one is applied, it appears here. To write manifests for migrations that already run in DCS:",
    selected: (/** @type {string} */ labels, /** @type {string} */ place) =>
      `No migration task in ${place} has ${labels}.`,
  },
  gone: {
    title: (/** @type {string} */ name) => `The namespace ${name} does not exist.`,
    text: "It was deleted, or never existed. That changed nothing in DCS. If it is created again, this page continues by itself.",
  },
  going: {
    title: (/** @type {string} */ name) => `The namespace ${name} is being deleted.`,
    text: "Its tasks disappear from this page. That changes nothing in DCS: running migrations keep running.",
  },
  noMatch: { title: "No task matches.", text: "There are tasks, but the filters or the search exclude all of them." },
  reading: { title: "Reading the cluster…", text: "The first list of tasks is on its way." },
  details: {
    close: "Close",
    lag: "Lag",
    noLag: "No lag is known. It is sampled for tasks with a cutover.",
    seenAgo: (/** @type {string} */ age) => `seen ${age} ago`,
    caughtUpFor: (/** @type {string} */ age) => `caught up for ${age}`,
    fullProgress: "Full copy",
    keys: "Keys, source → target",
    migration: "Migration",
    name: "Name in DCS",
    id: "Id in DCS",
    method: "Method",
    source: "Source",
    target: "Target",
    stop: "Progress of the stop",
    notOrdered: "No stop has been ordered.",
    timesOut: (/** @type {string} */ span) => `time limit in ${span}`,
    timedOut: (/** @type {string} */ span) => `time limit was ${span} ago`,
    orders: "Orders sent",
    lagAtOrder: "Lag at the order",
    requestId: "Request id of DCS",
    conditions: "Conditions",
    error: "Last error",
    project: "Project",
    region: "Region",
    endpoint: "Endpoint",
    projectId: "Cloud project",
    suspended: "suspended: nothing is ordered",
    unknownProject: "does not exist, or you may not see it",
    shared: "a ClusterDCSProject, which an administrator manages",
    commands: "Commands",
    copy: "Copy",
    copied: "Copied",
    gone: "This task no longer exists.",
    failed: "The board did not answer.",
    moments: {
      created: "created",
      opened: "cutover opened",
      caughtUp: "caught up",
      ordered: "stop ordered",
      accepted: "accepted by DCS",
      terminated: "ended according to DCS",
    },
  },
  confirm: {
    title: (/** @type {string} */ wave, /** @type {string} */ state) => `Set wave ${wave} to ${state}?`,
    go: "Each of its tasks is stopped once its target has caught up. A stop cannot be undone.",
    goWarning: "Stop writing to the sources first: while writers are active, a lag of 0 proves nothing.",
    hold: "No further order is sent. Orders already sent are carried out.",
    counts: "Its tasks now:",
    noTasks: "No task refers to it.",
    asking: "Checking whether you may…",
    may: "You may change this wave.",
    cancel: "Cancel",
    setting: "Writing…",
    failed: "The board did not answer.",
    forGit: "For git:",
  },
  help: {
    title: "Keys",
    keys: [
      ["/", "search"],
      ["↑ ↓ j k", "go through the tasks"],
      ["Enter", "open the task"],
      ["Esc", "close, or clear the search"],
      ["1 … 9", "filter by a state"],
      ["0", "clear all filters"],
      ["Space", "play, pause (recording)"],
      ["?", "this help"],
    ],
    close: "Close",
    button: "Keys",
  },
  player: {
    play: "Play",
    pause: "Pause",
    speed: "Speed",
    position: "Position in the recording",
  },
};

/** @typedef {typeof en} Words */

/** @type {Words} */
const zh = {
  lang: "zh-CN",
  title: "割接看板",
  states: STATES_ZH,
  allNamespaces: "所有命名空间",
  namespace: "命名空间",
  selector: "选择器",
  live: "实时",
  starting: "正在读取集群…",
  dataIsOld: (age) => `数据是 ${age} 前的`,
  notLive: "非实时",
  recording: (file) => `正在录制到 ${file}`,
  recordingStopped: (why) => `录制中断：${why}`,
  playback: (file) => `录像 ${file}`,
  skipped: (count) => `录像中有 ${count} 行无法读取`,
  search: "搜索：名称、ID、原因、消息",
  searchHint: "按 / 搜索",
  all: "全部",
  tasks: (_count, shown) => `${shown} 个任务`,
  ofTasks: (shown, total) => `${total} 个任务中的 ${shown} 个`,
  clearFilters: "清除过滤",
  waves: "批次",
  overTime: "任务状态随时间的变化",
  since: (time) => `自 ${time} 起`,
  columns: {
    state: "状态",
    name: "任务",
    phase: "阶段",
    lag: "延迟",
    spark: "延迟走势",
    seen: "采样",
    wave: "批次",
    reason: "原因",
    message: "消息",
  },
  noWave: "无批次",
  hold: "Hold（暂停）",
  go: "Go（放行）",
  setHold: "暂停…",
  setGo: "放行…",
  outdated: "Operator 尚未处理",
  opensIn: (span) => `${span} 后可放行`,
  closesIn: (span) => `窗口还剩 ${span}`,
  closed: "窗口已过",
  firstTimeout: (span) => `最早的时限还剩 ${span}`,
  timeIsUp: "有任务已超过时限",
  doneAfter: (span) => `全部完成，用时 ${span}`,
  goneFor: (span) => `已放行 ${span}`,
  ofTotal: (done, total) => `已停止 ${done} / ${total}`,
  needPerson: (_count, shown) => `${shown} 个需要人工`,
  highestLag: (lag) => `最高延迟 ${lag}`,
  line: {
    trouble: (name, why) => `请先看 ${name}：${why}`,
    done: "所有要停止的任务都已停止。",
    observed: "没有任务要停止，Operator 只观察。",
    stopping: (count) => `等待 DCS 执行 ${count} 个停止请求。`,
    catchingUp: (count, name, lag) => `等待 ${count} 个目标端追平；最落后的是 ${name}，延迟 ${lag}。`,
    catchingUpUnknown: (count) => `等待 ${count} 个目标端追平。`,
    holding: (count) => `${count} 个任务暂停：等待有人放行，或等待时间窗口。`,
    caughtUp: (count) => `${count} 个已追平，即将下停止请求。`,
    delayed: (count, why) => `${count} 个受阻（${why}），Operator 会自行继续。`,
    pending: (count) => `${count} 个等待首次查询。`,
  },
  lost: {
    title: (age) => `与 API server 的连接已断开，数据是 ${age} 前的。`,
    text: "正在不断重试。Operator 会自行继续，停住的只是这个页面。",
  },
  board: {
    title: "看板不再应答。",
    text: "`kubectl dcs board` 是否已结束？本页会自行重试。现在看到的是当时的情况。",
  },
  session: {
    title: "本页属于一个已经结束的看板。",
    text: "请打开 `kubectl dcs board` 最后输出的地址。",
  },
  tooMany: { title: "打开此看板的标签页太多。", text: "请关闭一些，本页会自行重试。" },
  forbidden: {
    title: (place) => `您无权查看${place}中的迁移任务。`,
    text: "需要对 migrationtasks、migrationwaves 和 dcsprojects 的 list 与 watch 权限。授权后本页会在 10 秒内自行继续。查看方法：",
  },
  unauthorized: {
    title: "API server 不再接受您的登录。",
    text: "请像使用 kubectl 那样重新登录，本页会在 10 秒内自行继续。查看方法：",
  },
  unknownKind: {
    title: "此集群不认识 MigrationTask。",
    text: "没有安装 dcs-migration-operator 的 CRD，或者看的是另一个集群。",
  },
  refused: { title: "API server 拒绝显示任务。", text: "每 10 秒会再问一次。" },
  partly: { migrationtasks: "", migrationwaves: "批次未显示", dcsprojects: "项目未显示" },
  empty: {
    title: (place) => `${place}中还没有迁移任务。`,
    text: "一旦有任务被创建就会显示在这里。已在 DCS 中运行的迁移可以这样生成清单：",
    selected: (labels, place) => `${place}中没有带 ${labels} 的迁移任务。`,
  },
  gone: {
    title: (name) => `命名空间 ${name} 不存在。`,
    text: "它已被删除，或从未存在。DCS 中没有因此改变任何东西。如果它再次出现，本页会自行继续。",
  },
  going: {
    title: (name) => `命名空间 ${name} 正在被删除。`,
    text: "其中的任务会从这里消失。DCS 中不会因此改变任何东西：运行中的迁移会继续运行。",
  },
  noMatch: { title: "没有匹配的任务。", text: "有任务，但过滤或搜索没有留下任何一个。" },
  reading: { title: "正在读取集群…", text: "任务的第一份列表即将到达。" },
  details: {
    close: "关闭",
    lag: "延迟",
    noLag: "延迟未知。只对带 cutover 的任务采样。",
    seenAgo: (age) => `${age} 前采样`,
    caughtUpFor: (age) => `已追平 ${age}`,
    fullProgress: "全量复制",
    keys: "键数，源 → 目标",
    migration: "迁移",
    name: "DCS 中的名称",
    id: "DCS 中的 ID",
    method: "方式",
    source: "源",
    target: "目标",
    stop: "停止的过程",
    notOrdered: "尚未下停止请求。",
    timesOut: (span) => `时限还剩 ${span}`,
    timedOut: (span) => `时限已过 ${span}`,
    orders: "已发出的请求",
    lagAtOrder: "下请求时的延迟",
    requestId: "DCS 请求 ID",
    conditions: "状况（conditions）",
    error: "最近的错误",
    project: "项目",
    region: "区域",
    endpoint: "终端节点",
    projectId: "云项目",
    suspended: "已挂起：不下任何请求",
    unknownProject: "不存在，或您无权查看",
    shared: "ClusterDCSProject，由管理员维护",
    commands: "命令",
    copy: "复制",
    copied: "已复制",
    gone: "此任务已不存在。",
    failed: "看板没有应答。",
    moments: {
      created: "创建",
      opened: "割接开始",
      caughtUp: "追平",
      ordered: "下停止请求",
      accepted: "DCS 已接受",
      terminated: "DCS 确认结束",
    },
  },
  confirm: {
    title: (wave, state) => `将批次 ${wave} 设为 ${state}？`,
    go: "其中每个任务在目标端追平后被停止。停止不能撤销。",
    goWarning: "请先停止写入源端：只要还有写入，延迟为 0 不说明任何问题。",
    hold: "不再下新的停止请求。已发出的请求会被执行。",
    counts: "其中的任务现在：",
    noTasks: "没有任务引用它。",
    asking: "正在询问您是否有权…",
    may: "您可以更改此批次。",
    cancel: "取消",
    setting: "正在写入…",
    failed: "看板没有应答。",
    forGit: "写入 git：",
  },
  help: {
    title: "按键",
    keys: [
      ["/", "搜索"],
      ["↑ ↓ j k", "在任务间移动"],
      ["Enter", "打开任务"],
      ["Esc", "关闭，或清除搜索"],
      ["1 … 9", "按状态过滤"],
      ["0", "清除所有过滤"],
      ["空格", "播放、暂停（录像）"],
      ["?", "本帮助"],
    ],
    close: "关闭",
    button: "按键",
  },
  player: { play: "播放", pause: "暂停", speed: "速度", position: "录像中的时刻" },
};

/**
 * Return the words in the first language of the browser that there are words in.
 * @param {readonly string[]} languages
 * @returns {Words}
 */
export function wordsFor(languages) {
  for (const language of languages) {
    const base = language.toLowerCase().split("-")[0];
    if (base === "zh") return zh;
    if (base === "en") return en;
  }
  return en;
}

export const words = wordsFor(typeof navigator === "undefined" ? [] : navigator.languages);
