/** Command lines of the platform, one argument each, as the kernel holds them. */

export type Arguments = readonly [string, ...string[]];

/** `count` options of a Java VM: whatever stands before the class. */
function options(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `-Dplatform.option.${n}=value ${n}`);
}

/** A list with the given arguments at their places; what is between them are options. */
function java(at: Readonly<Record<number, string>>, program = 'java'): Arguments {
  const last = Math.max(...Object.keys(at).map(Number));
  const rest = options(last).map((option, n) => at[n + 1] ?? option);
  return [program, ...rest];
}

export const zookeeper: Arguments = [
  'java',
  '-Xmx512M',
  '-Xms512M',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+DisableExplicitGC',
  '-Djava.awt.headless=true',
  '-Xloggc:/opt/mount1/kafka_2.10-0.9.0.0/bin/../logs/zookeeper-gc.log',
  '-verbose:gc',
  '-XX:+PrintGCDetails',
  '-XX:+PrintGCDateStamps',
  '-XX:+PrintGCTimeStamps',
  '-Dcom.sun.management.jmxremote',
  '-Dcom.sun.management.jmxremote.authenticate=false',
  '-Dcom.sun.management.jmxremote.ssl=false',
  '-Dkafka.logs.dir=/opt/mount1/kafka_2.10-0.9.0.0/bin/../logs',
  '-Dlog4j.configuration=file:bin/../config/log4j.properties',
  '-cp',
  ':/opt/mount1/kafka_2.10-0.9.0.0/bin/../libs/*',
  'org.apache.zookeeper.server.quorum.QuorumPeerMain',
  'config/zookeeper.properties',
];

const jdk = '/opt/java/jdk1.8.0_72/bin/java';

/** One process of each component. */
export function platformProcesses(ip: string): Readonly<Record<string, Arguments>> {
  return {
    'kafka zookeeper server': zookeeper,
    'kafka server': java({ 21: 'kafka.Kafka', 22: 'config/server.properties' }),
    'spark master': java(
      {
        5: 'org.apache.spark.deploy.master.Master',
        6: '--ip',
        7: ip,
        8: '--port',
        9: '7077',
        10: '--webui-port',
        11: '8080',
      },
      jdk,
    ),
    'spark worker': java(
      {
        5: 'org.apache.spark.deploy.worker.Worker',
        6: '--webui-port',
        7: '8081',
        8: `spark://${ip}:7077`,
      },
      jdk,
    ),
    'processor accelerometer': processor('accelerometer'),
    'processor gyroscope': processor('gyroscope'),
    'processor barometer': processor('barometer'),
    'processor aggregator': java({ 16: '/opt/rta/har_predict_aggr_ensemble.py', 17: 'naivebayes' }),
    cassandra: java({ 47: 'org.apache.cassandra.service.CassandraDaemon' }),
    'kairosDb server': java({ 5: 'org.kairosdb.core.Main', 6: 'conf/kairosdb.properties' }),
    'grafana server': ['/usr/sbin/grafana-server', '--config=/etc/grafana/grafana.ini'],
    'tomcat server': java({ 9: 'org.apache.catalina.startup.Bootstrap', 10: 'start' }),
    'novelty detector': java({ 16: '/opt/rta/novelty_detect.py' }),
    'raw writer': java({ 16: '/opt/rta/raw_writer.py' }),
  };
}

function processor(sensor: string): Arguments {
  return java({ 16: '/opt/rta/rta_processor_simple.py', 17: sensor, 18: 'sklearn' });
}

/** A list that looks like the component's and is not its. */
export interface NearMiss {
  readonly what: string;
  readonly of: string;
  readonly arguments: Arguments;
}

export function nearMisses(ip: string): readonly NearMiss[] {
  const at = (list: Arguments, from: number, text: string): Arguments => {
    const [program, ...rest] = list.toSpliced(from, 0, text);
    return [program ?? '', ...rest];
  };
  const all = platformProcesses(ip);
  const shifted = Object.entries(all).map(([of, list]) => ({
    what: `wrong index: ${of}`,
    of,
    // grafana's only criterion is about the program itself.
    arguments: of === 'grafana server' ? at(list, 0, 'bash') : at(list, 1, '-Dshifted=true'),
  }));
  const [, ...zookeeperRest] = zookeeper;
  return [
    ...shifted,
    {
      what: 'the launcher that holds the same words in one argument, which ps would split',
      of: 'kafka zookeeper server',
      arguments: ['bash', '-c', zookeeper.join(' ')],
    },
    {
      what: 'an argument with a space: as ps joins and splits it, everything behind moves to its place',
      of: 'kafka server',
      arguments: java({ 5: '-Dname=two words', 20: 'kafka.Kafka', 21: 'config/server.properties' }),
    },
    {
      what: 'the Python launcher of a Spark job: the same arguments, not java',
      of: 'processor gyroscope',
      arguments: ['python', ...(all['processor gyroscope']?.slice(1) ?? [])],
    },
    {
      what: "java in an argument, not in the program's name",
      of: 'kafka zookeeper server',
      arguments: ['strace', ...zookeeperRest.with(0, '/usr/bin/java')],
    },
    {
      what: "another host's address, of which this host's is the beginning",
      of: 'spark master',
      arguments: java({ 5: 'org.apache.spark.deploy.master.Master', 6: '--ip', 7: `${ip}2` }),
    },
    {
      what: "another host's address, of which this host's is the beginning",
      of: 'spark worker',
      arguments: java({ 5: 'org.apache.spark.deploy.worker.Worker', 8: `spark://${ip}2:7077` }),
    },
    {
      what: 'an address in which the points are other characters',
      of: 'spark worker',
      arguments: java({
        5: 'org.apache.spark.deploy.worker.Worker',
        8: `spark://${ip.replaceAll('.', 'x')}:7077`,
      }),
    },
    {
      what: 'the main class in a class path, not in its place',
      of: 'cassandra',
      arguments: java({ 46: 'org.apache.cassandra.service.CassandraDaemon', 47: 'stop' }),
    },
    {
      what: 'the main class and the file one place before',
      of: 'kairosDb server',
      arguments: java({ 4: 'org.kairosdb.core.Main', 5: 'conf/kairosdb.properties' }),
    },
    {
      what: 'an editor with a file of that name',
      of: 'grafana server',
      arguments: ['vim', '/etc/init.d/grafana-server'],
    },
    {
      what: 'another sensor with the same script',
      of: 'processor barometer',
      arguments: java({ 16: '/opt/rta/rta_processor_simple.py', 17: 'thermometer', 18: 'sklearn' }),
    },
  ];
}
