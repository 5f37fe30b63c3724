import { RUNBOOK_SECTIONS, type AlarmSpec, type RunbookSection } from './alarms.ts';

/** A dashboard is 24 units wide. */
const WIDTH = 24;
const WIDGET = { width: 8, height: 6 };
const PER_ROW = WIDTH / WIDGET.width;
const HEAD_HEIGHT = 3;

interface DashboardAlarm {
  readonly spec: AlarmSpec<string>;
  readonly arn: string;
  readonly namespace: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/**
 * The dashboard of a stack's alarms: their states on top, then a graph for each section of the runbook, with what it alarms at. One that goes off is read in the graph beside it.
 */
export function dashboardBody(region: string, alarms: readonly DashboardAlarm[]): object {
  const sections = Object.keys(RUNBOOK_SECTIONS) as RunbookSection[];
  const graphs = sections.flatMap((section) => graphsOf(section, alarms));
  return {
    widgets: [
      {
        type: 'alarm',
        x: 0,
        y: 0,
        width: WIDTH,
        height: HEAD_HEIGHT,
        properties: { title: 'Alarms (docs/runbook.md)', alarms: alarms.map(({ arn }) => arn) },
      },
      ...graphs.map(({ title, inGraph }, index) => ({
        type: 'metric',
        x: (index % PER_ROW) * WIDGET.width,
        y: HEAD_HEIGHT + Math.floor(index / PER_ROW) * WIDGET.height,
        ...WIDGET,
        properties: {
          title,
          region,
          view: 'timeSeries',
          metrics: inGraph.map(({ spec, namespace, dimensions }) => [
            namespace,
            spec.metric.name,
            ...Object.entries(dimensions).flat(),
            { label: spec.id, stat: spec.statistic, period: spec.periodSeconds },
          ]),
          annotations: {
            horizontal: [...new Set(inGraph.map(({ spec }) => spec.threshold))].map((value) => ({
              label: 'alarm',
              value,
            })),
          },
        },
      })),
    ],
  };
}

/** Metrics that share a section and a threshold share a graph: won and counts do not fit one scale. */
function graphsOf(
  section: RunbookSection,
  alarms: readonly DashboardAlarm[],
): { readonly title: string; readonly inGraph: readonly DashboardAlarm[] }[] {
  const ofSection = alarms.filter(({ spec }) => spec.section === section);
  const won = ofSection.filter(({ spec }) => spec.metric.name === 'DriftWon');
  const rest = ofSection.filter(({ spec }) => spec.metric.name !== 'DriftWon');
  return [
    { title: `${section} (won)`, inGraph: won },
    { title: section, inGraph: rest },
  ].filter(({ inGraph }) => inGraph.length > 0);
}
